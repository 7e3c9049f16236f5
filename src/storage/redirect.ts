import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  renameSync,
  truncateSync,
  type BigIntStats,
} from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';

import {
  AT_FDCWD,
  entryPath,
  findXattr,
  openat2,
  RESOLVE_NO_SYMLINKS,
  setTimesAt,
  setXattr,
} from '../sys/kernel/fs.ts';
import type { Layers } from './layers.ts';
import { makeTreeShift } from './owners.ts';
import { copyTree, exists, removeTree, syncTree } from './trees.ts';
import type { LayerId } from './types.ts';
import { walkTree, type WalkEntry } from './walk.ts';

/**
 * The redirect tier: a layer for other ids holds directories, names, owners and modes only, and each
 * of its files says where in a data-only layer (kernel documentation, overlayfs: "Data-only lower
 * layers") its content lies. The contents are copied once, for the first other slice; every further
 * one costs its directories and inodes. Hard links to the original would cost nothing, but then the
 * machines on it saw link counts above one, which cron and others refuse.
 *
 * A content's place is `/INODE`, after the inode in the original: so short that the attribute fits
 * into the inode itself. The kernel refuses such a file above another layer with a file of that
 * name, so only the bottom layer of a chain can be of this kind.
 */
const { O_DIRECTORY, O_RDONLY } = constants;

/** Makes sure that the data-only layer of `layer` is there. The caller lets nobody else do it meanwhile. */
export async function ensureData(
  layers: Layers,
  layer: LayerId,
  signal: AbortSignal | undefined,
): Promise<void> {
  const final = layers.dataPath(layer);
  if (await exists(final)) return;
  const part = `${final}.part`;
  // No number in base 36 has a dash.
  const tree = `${part}/the-tree`;
  await removeTree(part);
  try {
    await mkdir(part, { mode: 0o700 });
    await copyTree(layers.path(layer), tree, { signal });
    const gather = ({ path, stat }: WalkEntry, original: BigIntStats): void => {
      if (!stat.isFile() || stat.size === 0n) return;
      const place = `${part}/${dataName(original.ino)}`;
      // The second name of a file stays behind in the tree and goes with it.
      if (existsSync(place)) return;
      chmodSync(path, 0o600);
      renameSync(path, place);
    };
    await walkBeside(tree, layers.path(layer), gather, signal);
    await removeTree(tree);
    await syncTree(part);
    await rename(part, final);
  } catch (error) {
    await removeTree(part);
    throw error;
  }
}

/** Fills `target` with the names and attributes of `layer`, for other ids, and no contents. */
export async function makeMetaTree(
  layers: Layers,
  layer: LayerId,
  target: string,
  options: {
    readonly shift: (id: number) => number;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  const { shift, signal } = options;
  await copyTree(layers.path(layer), target, { signal, attributesOnly: true });
  const give = makeTreeShift(shift);
  const convert = (entry: WalkEntry, original: BigIntStats): void => {
    // Under its second name a file is done already.
    if (entry.stat.isFile() && entry.stat.size !== original.size) {
      redirectFile(entry, original);
    }
    give(entry);
  };
  await walkBeside(target, layers.path(layer), convert, signal);
}

/** Walks a copy and, at its side, the original it was made from, which gives the second argument. */
async function walkBeside(
  copy: string,
  original: string,
  visit: (entry: WalkEntry, original: BigIntStats) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  let directory = openDirectory(AT_FDCWD, original);
  const moveTo = (name: Buffer | string): void => {
    const next = openDirectory(directory, name);
    closeSync(directory);
    directory = next;
  };
  const enter = (entry: WalkEntry): void => {
    visit(entry, lstatSync(entryPath(directory, entry.name), { bigint: true }));
    if (entry.stat.isDirectory() && entry.depth > 0) moveTo(entry.name);
  };
  const leave = (depth: number): void => {
    if (depth > 0) moveTo('..');
  };
  try {
    await walkTree(copy, { enter, leave }, signal);
  } finally {
    closeSync(directory);
  }
}

function redirectFile(entry: WalkEntry, original: BigIntStats): void {
  const { dirFd, name, path, stat } = entry;
  const capability = findXattr(path, 'security.capability');
  truncateSync(path, Number(original.size));
  // truncate(2) takes away what chown(2) does.
  chmodSync(path, Number(stat.mode) & 0o7777);
  if (capability !== undefined) setXattr(path, 'security.capability', capability);
  const place = Buffer.from(`/${dataName(original.ino)}`);
  setXattr(path, 'user.overlay.metacopy', Buffer.alloc(0));
  setXattr(path, 'user.overlay.redirect', place);
  setTimesAt(dirFd, name, { accessedNs: stat.atimeNs, modifiedNs: stat.mtimeNs });
}

function dataName(inode: bigint): string {
  return inode.toString(36);
}

function openDirectory(dirFd: number, name: Buffer | string): number {
  const resolve = dirFd === AT_FDCWD ? 0 : RESOLVE_NO_SYMLINKS;
  return openat2(dirFd, name, { flags: O_RDONLY | O_DIRECTORY, resolve });
}
