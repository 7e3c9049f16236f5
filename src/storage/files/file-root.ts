import { constants } from 'node:fs';

import type { HostPath } from '../../base/brand.ts';
import { AT_FDCWD, O_PATH, openat2 } from '../../sys/kernel/fs.ts';
import { OpenFd, openConfined } from './resolve.ts';

const { O_DIRECTORY, O_NOFOLLOW } = constants;

/** The directory that is `/` for the paths of a machine. Disposing closes it. */
export interface FileRoot extends Disposable {
  /** Opens what `path` names with O_PATH and `flags` (O_DIRECTORY, O_NOFOLLOW), never outside. */
  open(path: Buffer, flags?: number): OpenFd;
}

/**
 * A tree on this side: of a machine that stands still, or before its init runs. Nothing is mounted
 * in it.
 */
export function plainRoot(path: HostPath): FileRoot {
  const root = new OpenFd(
    openat2(AT_FDCWD, path, { flags: O_PATH | O_DIRECTORY | O_NOFOLLOW, resolve: 0 }),
  );
  return {
    open: (name, flags = 0) => openConfined(root.fd, name, O_PATH | flags),
    [Symbol.dispose]: () => {
      root[Symbol.dispose]();
    },
  };
}
