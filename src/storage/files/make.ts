import { chownAt, AT_EMPTY_PATH } from '../../sys/kernel/fs.ts';
import { withFsIds } from '../../sys/kernel/fsids.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import type { OpenFd } from './resolve.ts';
import type { Owner } from './stat.ts';

/**
 * Who a file belongs to that was just made, by which it is told from what a guest put there
 * meanwhile.
 */
export type Maker = Owner;

const u0Root: Maker = { uid: 0, gid: 0 };

/**
 * Makes something as U0's root, which no guest can be, or, where the file system takes only ids of
 * the machine (a tmpfs of its own user namespace: EOVERFLOW), as its owner at once.
 */
export function makeAs<T>(owner: Owner, make: (maker: Maker) => T): T {
  try {
    return make(u0Root);
  } catch (error) {
    if (!hasErrno(error, 'EOVERFLOW')) throw error;
    return withFsIds(owner, () => make(owner));
  }
}

/** Gives what `maker` made to its owner. */
export function giveTo(made: OpenFd, owner: Owner): void {
  chownAt(made.fd, '', owner, AT_EMPTY_PATH);
}
