import { chmod, mkdir } from 'node:fs/promises';

import type { HostPath } from '../base/brand.ts';
import {
  compactSize,
  describeGuestIds,
  fromGuestId,
  hasGuestIdsOf,
  isPartOf,
  rangesOverlap,
  toGuestId,
} from '../base/id-layout.ts';
import { WarrenError } from '../contract/errors.ts';
import { makeLayers } from './layers.ts';
import { makeShift, makeTreeShift, shiftEntry, visitIds } from './owners.ts';
import { copyTree, treeSizes } from './trees.ts';
import type { OwnerRange, StorageLog, Volumes } from './types.ts';
import { walkTree, type WalkEntry } from './walk.ts';

/** As LXD has it: whoever knows a name in it gets there, and only the machine's root lists it. */
const rootMode = 0o711;

/** Whole directories of their own, named and removed as layers are. */
export function makeVolumes(dir: HostPath, log: StorageLog): Volumes {
  const trees = makeLayers(dir, log);
  return {
    create: async (owner, fill) => {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      await using staged = await trees.stage(owner);
      await chmod(staged.path, rootMode);
      await fill?.(staged.path);
      await staged.commit();
      return staged.id;
    },
    copy: async (tree, { signal, copied }) => {
      await using staged = await trees.stage();
      await copyTree(trees.path(tree), staged.path, { signal });
      await copied?.();
      await staged.commit();
      return staged.id;
    },
    extent: async (tree, owner) => {
      let used = 1;
      const note = (id: number): void => {
        used = Math.max(used, (toGuestId(owner, id) ?? 0) + 1);
      };
      const enter = (entry: WalkEntry): void => {
        visitIds(entry, note);
      };
      await walkTree(trees.path(tree), { enter }, undefined);
      // A range of that very size is of the other layout.
      const part = { start: owner.start, size: used === compactSize ? used + 1 : used };
      return isPartOf(part, owner) ? part : owner;
    },
    shift: async (tree, from, to) => {
      if (isPartOf(from, to) || isPartOf(to, from)) return;
      if (rangesOverlap(from, to)) throw new Error('nobody could tell which range an id is of');
      await refuseUnfit(trees.path(tree), from, to);
      const shift = makeShift(from, to);
      const enter = (entry: WalkEntry): void => {
        shiftEntry(entry, shift);
      };
      await walkTree(trees.path(tree), { enter }, undefined);
    },
    shiftNew: async (tree, from, to) => {
      if (isPartOf(from, to)) return;
      await refuseUnfit(trees.path(tree), from, to);
      await walkTree(trees.path(tree), { enter: makeTreeShift(makeShift(from, to)) }, undefined);
    },
    remove: (tree) => trees.remove(tree),
    list: () => trees.list(),
    sweep: async () => {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      await trees.sweep();
    },
    path: (tree) => trees.path(tree),
    size: async (tree) => (await treeSizes([trees.path(tree)]))[0] ?? 0,
  };
}

/** Throws `unsupported` for a file that belongs to an id which the machine with `to` has not. */
async function refuseUnfit(root: HostPath, from: OwnerRange, to: OwnerRange): Promise<void> {
  if (hasGuestIdsOf(to, from)) return;
  const check = (id: number): void => {
    const guest = toGuestId(from, id);
    if (guest === undefined || fromGuestId(to, guest) !== undefined) return;
    throw new WarrenError('unsupported', {
      what: 'give the files of a volume to other ids',
      why: `one of them belongs to id ${guest}, and a machine with these has ${describeGuestIds(to)}`,
      hint: 'warren help idmaps',
    });
  };
  const enter = (entry: WalkEntry): void => {
    visitIds(entry, check);
  };
  await walkTree(root, { enter }, undefined);
}
