import { chmodSync, closeSync, existsSync, lstatSync, renameSync, type BigIntStats } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';

import { AT_FDCWD, entryPath } from '../sys/kernel/fs.ts';
import type { Layers } from './layers.ts';
import { copyTree, exists, removeTree, syncTree } from './trees.ts';
import type { LayerId } from './types.ts';
import { openDirectory, walkTree, type WalkEntry } from './walk.ts';

/**
 * The redirect tier: a layer for other ids holds directories, names, owners and modes only, and
 * each of its files says where in a data-only layer (kernel documentation, overlayfs: "Data-only
 * lower layers") its content lies. The contents are copied once, for the first other slice; every
 * further one costs its directories and inodes. Hard links to the original would cost nothing, but
 * then the machines on it saw link counts above one, which cron and others refuse.
 *
 * A content's place is `/INODE`, after the inode in the original: so short that the attribute fits
 * into the inode itself. The kernel refuses such a file above another layer with a file of that
 * name, so only the bottom layer of a chain can be of this kind.
 */

/**
 * Makes sure that the data-only layer of `layer` is there. The caller lets nobody else do it
 * meanwhile.
 */
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
      const place = `${part}${contentPlace(original)}`;
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

/**
 * Walks a copy and, at its side, the original it was made from, which gives the second argument.
 */
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

/** Where, in the data-only layer, the content of a file of the original lies. */
export function contentPlace({ ino }: BigIntStats): string {
  return `/${ino.toString(36)}`;
}
