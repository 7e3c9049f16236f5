import { chmod, mkdir } from 'node:fs/promises';

import type { HostPath } from '../base/brand.ts';
import {
  compactSize,
  describeGuestIds,
  hasGuestIdsOf,
  isPartOf,
  rangesOverlap,
  toGuestId,
} from '../base/id-layout.ts';
import { WarrenError } from '../contract/errors.ts';
import { makeLayers } from './layers.ts';
import { makeShift, shiftEntry } from './owners.ts';
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
      if (owner.size === compactSize) return owner;
      let used = 1;
      const note = (id: number): void => {
        used = Math.max(used, (toGuestId(owner, id) ?? 0) + 1);
      };
      const enter = ({ stat }: WalkEntry): void => {
        note(Number(stat.uid));
        note(Number(stat.gid));
      };
      await walkTree(trees.path(tree), { enter }, undefined);
      // A range of that very size is of the other layout.
      return { start: owner.start, size: used === compactSize ? used + 1 : used };
    },
    shift: async (tree, from, to) => {
      if (isPartOf(from, to) || isPartOf(to, from)) return;
      if (!hasGuestIdsOf(to, from) || rangesOverlap(from, to)) throw unfit(from, to);
      const shift = makeShift(from, to);
      const enter = (entry: WalkEntry): void => {
        shiftEntry(entry, shift);
      };
      await walkTree(trees.path(tree), { enter }, undefined);
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

/** Of ranges that overlap, nobody could tell half-way through which one an id is of. */
function unfit(from: OwnerRange, to: OwnerRange): WarrenError {
  const range = ({ start, size }: OwnerRange): string => `${start}-${start + size - 1}`;
  return new WarrenError('unsupported', {
    what: 'give the files of a volume to other ids',
    why: !hasGuestIdsOf(to, from)
      ? `they need the ids ${describeGuestIds(from)}, and the machine's would be ${describeGuestIds(to)}`
      : `they belong to ${range(from)} and ${range(to)} have ids in common with that`,
  });
}
