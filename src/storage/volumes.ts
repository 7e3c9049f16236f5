import { chmod, mkdir } from 'node:fs/promises';

import type { HostPath } from '../base/brand.ts';
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
    extent: async (tree, { start, size }) => {
      let used = 1;
      const note = (id: number): void => {
        if (id >= start && id < start + size) used = Math.max(used, id - start + 1);
      };
      const enter = ({ stat }: WalkEntry): void => {
        note(Number(stat.uid));
        note(Number(stat.gid));
      };
      await walkTree(trees.path(tree), { enter }, undefined);
      return { start, size: used };
    },
    shift: async (tree, from, to) => {
      if (from.start === to.start) return;
      if (from.size > to.size || overlap(from, to)) throw unfit(from, to);
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

function overlap(a: OwnerRange, b: OwnerRange): boolean {
  return a.start < b.start + b.size && b.start < a.start + a.size;
}

/** Of ranges that overlap, nobody could tell half-way through which one an id is of. */
function unfit(from: OwnerRange, to: OwnerRange): WarrenError {
  const range = ({ start, size }: OwnerRange): string => `${start}-${start + size - 1}`;
  return new WarrenError('unsupported', {
    what: 'give the files of a volume to other ids',
    why:
      from.size > to.size
        ? `they need ${from.size} ids and ${range(to)} are ${to.size}`
        : `they belong to ${range(from)} and ${range(to)} have ids in common with that`,
  });
}
