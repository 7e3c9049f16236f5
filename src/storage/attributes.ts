import { chmodSync, lstatSync } from 'node:fs';

import {
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  chownAt,
  findXattr,
  listXattrs,
  removeXattr,
  setTimesAt,
  setXattr,
} from '../sys/kernel/fs.ts';

/** What overlay keeps for itself in a layer says where that directory stands, not what it is. */
export function isOverlayXattr(name: string): boolean {
  return name.startsWith('user.overlay.');
}

/**
 * Gives one directory the owner, mode, attributes and times of another. Both paths are the daemon's
 * own.
 */
export function copyAttributes(from: string | Buffer, to: string | Buffer): void {
  const stat = lstatSync(from, { bigint: true });
  const owner = { uid: Number(stat.uid), gid: Number(stat.gid) };
  chownAt(AT_FDCWD, to, owner, AT_SYMLINK_NOFOLLOW);
  const names = listXattrs(from).filter((name) => !isOverlayXattr(name));
  for (const name of listXattrs(to)) {
    if (!isOverlayXattr(name) && !names.includes(name)) removeXattr(to, name);
  }
  for (const name of names) {
    const value = findXattr(from, name);
    if (value !== undefined) setXattr(to, name, value);
  }
  // After an access list, whose mask is part of the mode.
  chmodSync(to, Number(stat.mode) & 0o7777);
  setTimesAt(AT_FDCWD, to, { accessedNs: stat.atimeNs, modifiedNs: stat.mtimeNs });
}
