import { chmod, chown, lstat, mkdir, readdir, rename, rmdir } from 'node:fs/promises';

import { hostPath, type HostPath } from '../base/brand.ts';
import { isObjectName } from '../base/names.ts';
import { isWarrenError } from '../contract/errors.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { spaceError } from './files/errors.ts';
import { isAlikeDirectory, type TreeFile } from './alike.ts';
import { copyAttributes } from './attributes.ts';
import { makeFreezes, type Freezes } from './freezes.ts';
import { asLayer, readKind, type Layers } from './layers.ts';
import { makeShift, makeTreeShift } from './owners.ts';
import { copyTree, exists, removeTree } from './trees.ts';
import type { LayerId, OwnerRange, StorageLog } from './types.ts';
import { upperPlaces } from './upper-places.ts';
import { walkTree } from './walk.ts';

/**
 * A machine's own directories, `instances/ID/`:
 *
 * upper, work   of its overlay; `upper.json` when the upper is of a special kind
 * plain/NAME    directories that no overlay covers
 * plain-START-SIZE  the same for those ids, to which the machine is about to be moved
 * freezing      a link to the layer that a freeze made or was about to make
 */
export interface Uppers {
  upperPath(instanceId: number): HostPath;
  workPath(instanceId: number): HostPath;
  /** The root directory's own attributes are those of `like`, the layer below. */
  create(instanceId: number, owner: OwnerRange, like?: LayerId): Promise<void>;
  remove(instanceId: number): Promise<void>;
  /**
   * A new, empty upper; `plain` stays, or those that were staged for this owner take its place.
   * Repeatable.
   */
  empty(instanceId: number, owner: OwnerRange, like?: LayerId): Promise<void>;
  /** Copies of its plain directories for other ids, which the next `empty` for them takes. */
  stagePlain(
    instanceId: number,
    from: OwnerRange,
    to: OwnerRange,
    options: { readonly signal?: AbortSignal },
  ): Promise<void>;
  list(): Promise<number[]>;
  readonly freezes: Freezes;
  copy(
    instanceId: number,
    options: { readonly signal?: AbortSignal; readonly copied?: () => Promise<void> },
  ): Promise<LayerId>;
  plainDirectory(instanceId: number, name: string, owner: OwnerRange): Promise<HostPath>;
  /**
   * Whether there is nothing in the upper, and its own attributes are those that `create` took from
   * `top`.
   */
  isUntouched(instanceId: number, top: LayerId): Promise<boolean>;
  /** Removes what was being made or removed when a daemon died. */
  sweep(): Promise<void>;
}

const overlays = [
  ...['upper', 'upper.part', 'upper.gone', 'upper.json', 'upper.json.part'],
  ...['work', 'freezing'],
];
const ours = [...overlays, 'plain'];

export function makeUppers(dir: HostPath, layers: Layers, log: StorageLog): Uppers {
  const { home, upperPath, workPath } = upperPlaces(dir);

  const create = async (instanceId: number, owner: OwnerRange, like?: LayerId): Promise<void> => {
    try {
      await makePrivate(home(instanceId));
      await makePrivate(workPath(instanceId));
      const model = like === undefined ? undefined : layers.path(like);
      await makeOwned(upperPath(instanceId), owner, 0o755, model);
    } catch (error) {
      throw spaceError(error, `make the directories of machine ${instanceId}`, dir);
    }
  };

  const list = async (): Promise<number[]> => {
    const found: number[] = [];
    for (const name of await readdir(dir)) {
      if (!/^\d+$/.test(name)) continue;
      const entries = await readdir(`${dir}/${name}`);
      if (entries.length === 0 || entries.some((entry) => ours.includes(entry))) {
        found.push(Number(name));
      }
    }
    return found.sort((a, b) => a - b);
  };

  const freezes = makeFreezes({ dir, layers, log, create, list });

  const removeOverlay = async (instanceId: number): Promise<void> => {
    const directory = home(instanceId);
    // Half a tree must never pass for an upper: first it loses its name.
    await removeTree(`${directory}/upper.gone`);
    await renameIfThere(upperPath(instanceId), `${directory}/upper.gone`);
    for (const name of overlays) await removeTree(`${directory}/${name}`);
  };

  const stagedPlain = (instanceId: number, { start, size }: OwnerRange): string =>
    `${home(instanceId)}/plain-${start}-${size}`;

  const takeStagedPlain = async (instanceId: number, owner: OwnerRange): Promise<void> => {
    const staged = stagedPlain(instanceId, owner);
    if (!(await exists(staged))) return;
    const plain = `${home(instanceId)}/plain`;
    await removeTree(`${plain}.gone`);
    await renameIfThere(plain, `${plain}.gone`);
    await rename(staged, plain);
    await removeTree(`${plain}.gone`);
  };

  return {
    upperPath,
    workPath,
    create,
    list,
    freezes,

    remove: async (instanceId) => {
      const directory = home(instanceId);
      if (!(await exists(directory))) return;
      await removeOverlay(instanceId);
      for (const name of await readdir(directory)) {
        if (/^plain(?:-\d+-\d+)?(?:\.part|\.gone)?$/.test(name))
          await removeTree(`${directory}/${name}`);
      }
      try {
        await rmdir(directory);
      } catch (error) {
        // Others keep files of the machine here too, such as its console log.
        if (!hasErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
      }
    },

    empty: async (instanceId, owner, like) => {
      // Nobody waits for what a guest has written to be removed.
      const written = await layers.discard(upperPath(instanceId));
      await removeOverlay(instanceId);
      await takeStagedPlain(instanceId, owner);
      try {
        await create(instanceId, owner, like);
      } catch (error) {
        if (!isWarrenError(error, 'no_space')) throw error;
        await written.remove();
        await create(instanceId, owner, like);
      }
    },

    stagePlain: async (instanceId, from, to, { signal }) => {
      const plain = `${home(instanceId)}/plain`;
      const staged = stagedPlain(instanceId, to);
      const part = `${staged}.part`;
      for (const left of [staged, part]) await removeTree(left);
      if (!(await exists(plain))) return;
      await makePrivate(part);
      await copyTree(plain, part, { signal });
      await walkTree(part, { enter: makeTreeShift(makeShift(from, to)) }, signal);
      await rename(part, staged);
    },

    isUntouched: async (instanceId, top) => {
      await freezes.settle(instanceId, [top]);
      const upper = upperPath(instanceId);
      if ((await readdir(upper)).length > 0) return false;
      return isAlikeDirectory(await treeFile(upper), await treeFile(layers.path(top)));
    },

    copy: async (instanceId, { signal, copied }) => {
      const upper = upperPath(instanceId);
      await using staged = await layers.stage(undefined, asLayer(await readKind(upper)));
      await copyTree(upper, staged.path, { signal });
      await copied?.();
      await staged.commit();
      return staged.id;
    },

    plainDirectory: async (instanceId, name, owner) => {
      if (!isObjectName(name)) throw new Error(`"${name}" is no directory name`);
      const parent = `${home(instanceId)}/plain`;
      await makePrivate(home(instanceId));
      await makePrivate(parent);
      const directory = hostPath(`${parent}/${name}`);
      await makeOwned(directory, owner, 0o711);
      return directory;
    },

    sweep: async () => {
      for (const instanceId of await list()) {
        for (const directory of [home(instanceId), `${home(instanceId)}/plain`]) {
          const names = await readdir(directory).catch(() => []);
          const left = names.filter((name) => /\.(part|gone)$/.test(name));
          for (const name of left) await removeTree(`${directory}/${name}`);
        }
      }
    },
  };
}

async function makePrivate(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
  }
}

/** A directory of guest root's: whole or not there at all, and left alone when it is there. */
async function makeOwned(
  path: string,
  { start }: OwnerRange,
  mode: number,
  like?: string,
): Promise<void> {
  if (await exists(path)) return;
  const part = `${path}.part`;
  await makePrivate(part);
  await chown(part, start, start);
  await chmod(part, mode);
  if (like !== undefined) copyAttributes(like, part);
  await rename(part, path);
}

async function treeFile(path: string): Promise<TreeFile> {
  return { path: Buffer.from(path), stat: await lstat(path, { bigint: true }) };
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
}
