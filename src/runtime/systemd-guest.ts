import { closeSync, constants } from 'node:fs';
import { posix } from 'node:path';

import { WarrenError } from '../contract/errors.ts';
import {
  AT_FDCWD,
  O_PATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  openat2,
  readlinkAt,
} from '../sys/kernel/fs.ts';
import { hasErrno } from '../sys/sys-error.ts';
import type { MachineSpec } from './types.ts';

const { O_DIRECTORY, O_NOFOLLOW } = constants;

/**
 * Throws `unsupported` when init is systemd, which does not start without a cgroup of its own.
 * Inits that need none pass.
 */
export function refuseWithoutCgroup({ name, root, init }: MachineSpec, why: string): void {
  const [command] = init;
  if (command === undefined || !isSystemd(root, command)) return;
  throw new WarrenError('unsupported', {
    what: `start ${name}`,
    why: `its init is systemd, which needs a cgroup of its own, and there is none: ${why}`,
    hint: 'warren doctor cgroup',
  });
}

/**
 * By the name that `/sbin/init` is a link to, resolved within the root: guest content chooses it.
 */
function isSystemd(root: string, command: string): boolean {
  let path = command;
  const rootFd = openat2(AT_FDCWD, root, { flags: O_PATH | O_DIRECTORY, resolve: 0 });
  try {
    for (let hops = 0; hops < 16; hops++) {
      if (posix.basename(path) === 'systemd') return true;
      const flags = O_PATH | O_NOFOLLOW;
      const resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
      const fd = openat2(rootFd, path, { flags, resolve });
      try {
        path = posix.resolve(
          posix.dirname(posix.resolve('/', path)),
          readlinkAt(fd, '').toString(),
        );
      } finally {
        closeSync(fd);
      }
    }
    return false;
  } catch (error) {
    // Not a link, or not there: then starting it will say so.
    if (hasErrno(error, 'EINVAL', 'ENOENT', 'ENOTDIR', 'ELOOP')) return false;
    throw error;
  } finally {
    closeSync(rootFd);
  }
}
