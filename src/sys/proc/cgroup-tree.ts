import { closeSync, constants, readdirSync } from 'node:fs';

import { AT_FDCWD, AT_REMOVEDIR, openat2, RESOLVE_NO_SYMLINKS, unlinkAt } from '../kernel/fs.ts';
import { hasErrno } from '../sys-error.ts';

const { O_DIRECTORY, O_RDONLY } = constants;

/** One cgroup below another. Valid during the visit only. */
export interface CgroupEntry {
  /** The directory it lies in. */
  readonly parentFd: number;
  readonly name: Buffer;
}

/**
 * Visits every cgroup below `directory`, children before their parents. Goes down and up by
 * descriptors, for a guest nests its cgroups until their path is longer than PATH_MAX, under names
 * that need not be text. What disappears meanwhile is passed over. Throws `SysError`.
 */
export function visitCgroups(directory: string, visit: (entry: CgroupEntry) => void): void {
  const found = whileThere(() => open(AT_FDCWD, directory));
  if (found === undefined) return;
  let here = found;
  const move = (to: string | Buffer): boolean => {
    const next = whileThere(() => open(here, to));
    if (next === undefined) return false;
    closeSync(here);
    here = next;
    return true;
  };
  // What is left to do on each level, and the name of the one below it that we are in.
  const levels: { readonly pending: Buffer[]; inside?: Buffer }[] = [{ pending: children(here) }];
  try {
    for (;;) {
      const level = levels.at(-1);
      const name = level?.pending.pop();
      if (level !== undefined && name !== undefined) {
        if (!move(name)) continue;
        level.inside = name;
        levels.push({ pending: children(here) });
        continue;
      }
      levels.pop();
      const inside = levels.at(-1)?.inside;
      // The way up ends where a whole branch was removed.
      if (inside === undefined || !move('..')) return;
      visit({ parentFd: here, name: inside });
    }
  } finally {
    closeSync(here);
  }
}

/**
 * Removes `directory` and the cgroups below, of any depth; no error when it is not there. Throws
 * `SysError` where one cannot be removed: EBUSY while a process is in it.
 */
export function removeCgroups(directory: string): void {
  const remove = (parentFd: number, name: string | Buffer): void => {
    whileThere(() => {
      unlinkAt(parentFd, name, AT_REMOVEDIR);
    });
  };
  visitCgroups(directory, ({ parentFd, name }) => {
    remove(parentFd, name);
  });
  remove(AT_FDCWD, directory);
}

function open(dirFd: number, name: string | Buffer): number {
  // The way to the first is our own and may have links; there are none in a cgroup2.
  const resolve = dirFd === AT_FDCWD ? 0 : RESOLVE_NO_SYMLINKS;
  return openat2(dirFd, name, { flags: O_RDONLY | O_DIRECTORY, resolve });
}

function children(fd: number): Buffer[] {
  const entries = whileThere(() =>
    readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer', withFileTypes: true }),
  );
  return (entries ?? []).filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

function whileThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENODEV')) return undefined;
    throw error;
  }
}
