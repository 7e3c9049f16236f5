import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { parseIdMap } from './proc/idmap.ts';
import { hasErrno } from './sys-error.ts';

export type TrustedFile =
  | { readonly kind: 'absent' }
  /** Why nobody may rely on it: a clause about the file. */
  | { readonly kind: 'distrusted'; readonly why: string }
  | { readonly kind: 'text'; readonly text: string };

/**
 * Reads a file that root alone can have written: it and every directory above it belong to root and
 * nobody else may write to them. In a user namespace without the host's root, ids of strangers all
 * look alike: there the owner is one that the namespace does not know, which this process, its
 * subordinate ids and whoever acts for it are not.
 */
export function readTrustedFile(path: string, maxBytes: number): TrustedFile {
  let real: string;
  try {
    real = realpathSync(path);
  } catch (error) {
    const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
    if (hasErrno(error, 'ENOENT', 'ENOTDIR') && !isThere) return { kind: 'absent' };
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'))
      return distrusted(`${path} cannot be looked at`);
    throw error;
  }
  const places = [real];
  for (let place = real; place !== '/'; place = dirname(place)) places.push(dirname(place));
  for (const place of places.reverse()) {
    const why = whyNot(place);
    if (why !== undefined) return distrusted(why);
  }
  // What root alone can change does not change between the look and the reading but by root.
  try {
    const fd = openSync(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) return distrusted(`${path} is no file`);
      if (stat.size > maxBytes) {
        return distrusted(`${path} has ${stat.size} bytes, wanted at most ${maxBytes}`);
      }
      return { kind: 'text', text: readFileSync(fd, 'utf8') };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return { kind: 'absent' };
    if (hasErrno(error, 'EACCES'))
      return distrusted(`${path} cannot be read by you, wanted mode 0644`);
    throw error;
  }
}

function distrusted(why: string): TrustedFile {
  return { kind: 'distrusted', why };
}

/** With an access list, the group's bits are the most that any of its entries gives. */
function whyNot(place: string): string | undefined {
  const { uid, mode } = statSync(place);
  if ((mode & 0o022) !== 0) {
    return `others may write to ${place} (mode ${(mode & 0o7777).toString(8)}), wanted root alone`;
  }
  if (uid === 0 && process.getuid?.() !== 0) return undefined;
  if (uid === overflowUid && !mapsEveryId()) return whyNoStrangers(place);
  return `${place} belongs to user ${uid}, wanted root`;
}

/** What the kernel shows for ids that a user namespace does not map. */
const overflowUid = 65_534;

function mapsEveryId(): boolean {
  const map = parseIdMap(readFileSync('/proc/self/uid_map', 'utf8'));
  return map.reduce((sum, { count }) => sum + count, 0) >= 2 ** 32 - 1;
}

/**
 * The overflow id may also be one of ours: but of our own files O_NOATIME is granted (man 2 open).
 */
function whyNoStrangers(place: string): string | undefined {
  try {
    closeSync(openSync(place, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOATIME));
    return `${place} is yours, wanted root's`;
  } catch (error) {
    if (hasErrno(error, 'EPERM')) return undefined;
    if (hasErrno(error, 'EACCES')) return `${place} cannot be read by you, wanted mode 0644`;
    throw error;
  }
}
