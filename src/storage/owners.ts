import { chmodSync, type BigIntStats } from 'node:fs';

import { describeGuestIds, fromGuestId, toGuestId } from '../base/id-layout.ts';
import { WarrenError } from '../contract/errors.ts';
import { AT_SYMLINK_NOFOLLOW, chownAt, findXattr, listXattrs, setXattr } from '../sys/kernel/fs.ts';
import { isOverlayXattr } from './attributes.ts';
import type { OwnerRange } from './types.ts';
import type { WalkEntry } from './walk.ts';

const setIdBits = 0o6000;
const capabilityName = 'security.capability';
const aclNames = ['system.posix_acl_access', 'system.posix_acl_default'];

/**
 * Maps a U0 id of one range to the other; ids outside `from`, such as U0's root on whiteouts, stay.
 */
export function makeShift(from: OwnerRange, to: OwnerRange): (id: number) => number {
  return (id) => {
    const guest = toGuestId(from, id);
    if (guest === undefined) return id;
    const other = fromGuestId(to, guest);
    if (other !== undefined) return other;
    const problem = `a file belongs to id ${guest}, wanted ${describeGuestIds(to)}`;
    throw new WarrenError('invalid', {
      what: 'give the files to other ids',
      issues: [{ path: '', problem }],
    });
  };
}

/**
 * Gives one file to other ids. chown(2) takes set-id bits and capabilities away, even from U0's
 * root, and knows nothing of the ids inside capabilities and ACLs; so they are set again after it.
 * A second call for another name of the same file changes nothing when the ranges do not overlap.
 */
export function shiftEntry(entry: WalkEntry, shift: (id: number) => number): void {
  const { dirFd, name, path, stat } = entry;
  const owner = shiftedOwner(stat, shift);
  const attributes = stat.isSymbolicLink() ? [] : listXattrs(path);
  const capability = attributes.includes(capabilityName)
    ? findXattr(path, capabilityName)
    : undefined;
  if (owner !== undefined) {
    chownAt(dirFd, name, owner, AT_SYMLINK_NOFOLLOW);
    const mode = Number(stat.mode) & 0o7777;
    if (!stat.isSymbolicLink() && (mode & setIdBits) !== 0) chmodSync(path, mode);
  }
  if (capability !== undefined) {
    setXattr(path, capabilityName, shiftCapability(capability, shift));
  }
  for (const acl of aclNames.filter((one) => attributes.includes(one))) {
    const value = findXattr(path, acl);
    if (value !== undefined) setXattr(path, acl, shiftAcl(value, shift));
  }
}

/**
 * The attributes of a file that belong to what it is, as they are for other ids: the user's own,
 * capabilities and ACLs. Not those of the host's security modules, which give each file its own.
 */
export function shiftedXattrs(
  path: Buffer,
  shift: (id: number) => number,
): (readonly [name: string, value: Buffer])[] {
  return listXattrs(path).flatMap((name) => {
    const value = isOwn(name) ? findXattr(path, name) : undefined;
    return value === undefined ? [] : [[name, shiftedValue(name, value, shift)] as const];
  });
}

function isOwn(name: string): boolean {
  return hasIds(name) || (name.startsWith('user.') && !isOverlayXattr(name));
}

function shiftedValue(name: string, value: Buffer, shift: (id: number) => number): Buffer {
  if (name === capabilityName) return shiftCapability(value, shift);
  return aclNames.includes(name) ? shiftAcl(value, shift) : value;
}

/**
 * Tells `visit` every id that a file has: owner, group, and those in its ACLs and its capabilities.
 */
export function visitIds({ path, stat }: WalkEntry, visit: (id: number) => void): void {
  const look = (id: number): number => {
    visit(id);
    return id;
  };
  look(Number(stat.uid));
  look(Number(stat.gid));
  if (stat.isSymbolicLink()) return;
  for (const name of listXattrs(path).filter(hasIds)) {
    const value = findXattr(path, name);
    if (value !== undefined) shiftedValue(name, value, look);
  }
}

function hasIds(name: string): boolean {
  return name === capabilityName || aclNames.includes(name);
}

/**
 * For the walk of one whole tree: each file once, however many names it has, so that the two ranges
 * may have ids in common.
 */
export function makeTreeShift(shift: (id: number) => number): (entry: WalkEntry) => void {
  const done = new Set<bigint>();
  return (entry) => {
    const { ino, nlink } = entry.stat;
    if (nlink > 1n && !entry.stat.isDirectory()) {
      if (done.has(ino)) return;
      done.add(ino);
    }
    shiftEntry(entry, shift);
  };
}

/** The new owner, or undefined when it is the old one. */
function shiftedOwner(
  stat: BigIntStats,
  shift: (id: number) => number,
): { uid: number; gid: number } | undefined {
  const [oldUid, oldGid] = [Number(stat.uid), Number(stat.gid)];
  const [uid, gid] = [shift(oldUid), shift(oldGid)];
  return uid === oldUid && gid === oldGid ? undefined : { uid, gid };
}

/**
 * struct vfs_ns_cap_data: revision 3 ends in the uid that is root where the capability counts.
 * Revision 2 has none and is that of U0's own root.
 */
export function shiftCapability(value: Buffer, shift: (id: number) => number): Buffer {
  const rootidAt = 20;
  const revision = value.length >= 4 ? value.readUInt32LE(0) >>> 24 : 0;
  if (revision !== 3 || value.length < rootidAt + 4) return value;
  const shifted = Buffer.from(value);
  shifted.writeUInt32LE(shift(value.readUInt32LE(rootidAt)), rootidAt);
  return shifted;
}

/**
 * struct posix_acl_xattr_header, then entries of tag, permissions and id; only two tags have ids.
 */
export function shiftAcl(value: Buffer, shift: (id: number) => number): Buffer {
  const ACL_USER = 0x02;
  const ACL_GROUP = 0x08;
  const shifted = Buffer.from(value);
  for (let at = 4; at + 8 <= value.length; at += 8) {
    const tag = value.readUInt16LE(at);
    if (tag !== ACL_USER && tag !== ACL_GROUP) continue;
    shifted.writeUInt32LE(shift(value.readUInt32LE(at + 4)), at + 4);
  }
  return shifted;
}
