import { constants, readlinkSync, type BigIntStats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

import { findXattr, listXattrs } from '../sys/kernel/fs.ts';
import { isOverlayXattr } from './attributes.ts';

/** A file of a tree, by a path that leads to it and not through it. */
export interface TreeFile {
  readonly path: Buffer;
  readonly stat: BigIntStats;
}

/**
 * Whether two files that are no directories are the same in everything a machine can see but links.
 */
export async function isAlike(
  one: TreeFile,
  other: TreeFile,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (one.stat.mtimeNs !== other.stat.mtimeNs || !hasSameAttributes(one, other)) return false;
  return await hasSameContent(one, other, signal);
}

/** Whether two directories are the same themselves, whatever is in them. */
export function isAlikeDirectory(one: TreeFile, other: TreeFile): boolean {
  return one.stat.mtimeNs === other.stat.mtimeNs && hasSameAttributes(one, other);
}

/** Type, mode, owner, device number and extended attributes. */
export function hasSameAttributes(one: TreeFile, other: TreeFile): boolean {
  const { mode, uid, gid, rdev } = one.stat;
  const { stat } = other;
  if (mode !== stat.mode || uid !== stat.uid || gid !== stat.gid) return false;
  if ((one.stat.isCharacterDevice() || one.stat.isBlockDevice()) && rdev !== stat.rdev)
    return false;
  return hasSameXattrs(one, other);
}

/** Of two files of one type: bytes of regular files, targets of links. */
export async function hasSameContent(
  one: TreeFile,
  other: TreeFile,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (one.stat.isSymbolicLink()) {
    const target = readlinkSync(one.path, { encoding: 'buffer' });
    return target.equals(readlinkSync(other.path, { encoding: 'buffer' }));
  }
  if (!one.stat.isFile()) return true;
  if (one.stat.size !== other.stat.size) return false;
  if (one.stat.size === 0n) return true;
  // Of a machine that runs, either may have become a link or a fifo by now.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  await using first = await open(one.path, flags);
  await using second = await open(other.path, flags);
  return await hasSameBytes(first, second, signal);
}

function hasSameXattrs(one: TreeFile, other: TreeFile): boolean {
  const names = xattrNames(one);
  const others = xattrNames(other);
  if (names.length !== others.length || names.some((name, at) => name !== others[at])) return false;
  return names.every((name) => {
    const value = findXattr(one.path, name);
    const second = findXattr(other.path, name);
    return value === undefined ? second === undefined : second?.equals(value) === true;
  });
}

/** Without those that overlay keeps for itself in a layer. */
function xattrNames({ path }: TreeFile): string[] {
  return listXattrs(path)
    .filter((name) => !isOverlayXattr(name))
    .sort();
}

async function hasSameBytes(
  first: FileHandle,
  second: FileHandle,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const size = 256 * 1024;
  const buffers = [Buffer.allocUnsafe(size), Buffer.allocUnsafe(size)] as const;
  for (let at = 0; ;) {
    signal?.throwIfAborted();
    const [one, two] = await Promise.all([
      first.read(buffers[0], 0, size, at),
      second.read(buffers[1], 0, size, at),
    ]);
    if (one.bytesRead !== two.bytesRead) return false;
    if (one.bytesRead === 0) return true;
    const length = one.bytesRead;
    if (!buffers[0].subarray(0, length).equals(buffers[1].subarray(0, length))) return false;
    at += length;
  }
}
