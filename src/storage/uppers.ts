import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readlink,
  rename,
  rm,
  rmdir,
  symlink,
} from 'node:fs/promises';

import { hostPath, type HostPath } from '../base/brand.ts';
import { isObjectName } from '../base/names.ts';
import { isWarrenError, WarrenError } from '../contract/errors.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { spaceError } from './files/errors.ts';
import { isAlikeDirectory, type TreeFile } from './alike.ts';
import { copyAttributes } from './attributes.ts';
import { asLayer, asUpper, readKind, writeKind, type Layers } from './layers.ts';
import { makeShift, makeTreeShift } from './owners.ts';
import { copyTree, exists, removeTree, syncDirectory } from './trees.ts';
import type { LayerId, OwnerRange, StorageLog, UndoneFreezes } from './types.ts';
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
  /** A new, empty upper; `plain` stays, or those that were staged for this owner take its place. Repeatable. */
  empty(instanceId: number, owner: OwnerRange, like?: LayerId): Promise<void>;
  /** Copies of its plain directories for other ids, which the next `empty` for them takes. */
  stagePlain(
    instanceId: number,
    from: OwnerRange,
    to: OwnerRange,
    options: { readonly signal?: AbortSignal },
  ): Promise<void>;
  list(): Promise<number[]>;
  freeze(instanceId: number, owner: OwnerRange): Promise<LayerId>;
  copy(
    instanceId: number,
    options: { readonly signal?: AbortSignal; readonly copied?: () => Promise<void> },
  ): Promise<LayerId>;
  plainDirectory(instanceId: number, name: string, owner: OwnerRange): Promise<HostPath>;
  /** Whether there is nothing in the upper, and its own attributes are those that `create` took from `top`. */
  isUntouched(instanceId: number, top: LayerId): Promise<boolean>;
  /** After a freeze was recorded. */
  keepFreeze(instanceId: number): Promise<void>;
  /** Puts the files back that became `layer`. */
  undoFreeze(instanceId: number, layer: LayerId): Promise<void>;
  /**
   * Throws unless the machine stands on what its last freeze made: the files of one that was neither
   * recorded nor undone would be missing. Then that freeze is past undoing.
   */
  settleFreeze(instanceId: number, chain: readonly LayerId[]): Promise<void>;
  /** Removes what was being made or removed when a daemon died. */
  sweep(): Promise<void>;
  undoUnrecordedFreezes(known: ReadonlySet<LayerId>): Promise<UndoneFreezes>;
}

const overlays = [
  ...['upper', 'upper.part', 'upper.gone', 'upper.json', 'upper.json.part'],
  ...['work', 'freezing'],
];
const ours = [...overlays, 'plain'];

export function makeUppers(dir: HostPath, layers: Layers, log: StorageLog): Uppers {
  const home = (instanceId: number): string => {
    if (!Number.isSafeInteger(instanceId) || instanceId < 0) {
      throw new Error(`${instanceId} is no instance id`);
    }
    return `${dir}/${instanceId}`;
  };
  const upperPath = (instanceId: number): HostPath => hostPath(`${home(instanceId)}/upper`);
  const workPath = (instanceId: number): HostPath => hostPath(`${home(instanceId)}/work`);
  const freezing = (instanceId: number): string => `${home(instanceId)}/freezing`;

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

  const forgetFreeze = (instanceId: number): Promise<void> =>
    rm(freezing(instanceId), { force: true });

  /** Puts `layer` back as the upper of a machine whose new upper nobody has used yet. */
  const putBack = async (instanceId: number, layer: LayerId): Promise<void> => {
    const upper = upperPath(instanceId);
    try {
      await rmdir(upper);
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw error;
    }
    await writeKind(upper, asUpper(await layers.kindOf(layer)));
    await rename(layers.path(layer), upper);
    await writeKind(layers.path(layer), { kind: 'plain' });
    await syncDirectory(home(instanceId));
  };

  const undoFreeze = async (instanceId: number, layer: LayerId): Promise<void> => {
    if (await exists(layers.path(layer))) await putBack(instanceId, layer);
    await forgetFreeze(instanceId);
  };

  const settleFreeze = async (instanceId: number, chain: readonly LayerId[]): Promise<void> => {
    const layer = await linkedLayer(instanceId);
    if (layer === undefined) return;
    if (!chain.includes(layer) && (await exists(layers.path(layer)))) {
      throw new WarrenError('unsupported', {
        what: `use the files of machine ${instanceId}`,
        why: `a snapshot of it failed and its files are still in layer ${layer}, which a new daemon puts back`,
        hint: 'warren daemon restart',
      });
    }
    await forgetFreeze(instanceId);
  };

  const linkedLayer = async (instanceId: number): Promise<LayerId | undefined> => {
    try {
      return await readlink(freezing(instanceId));
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  };

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
    keepFreeze: forgetFreeze,
    undoFreeze,
    settleFreeze,

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

    freeze: async (instanceId, owner) => {
      const upper = upperPath(instanceId);
      const layer = await layers.newId();
      await settleFreeze(instanceId, []);
      // Death from here on until the caller has recorded the layer is mended by `undoUnrecordedFreezes`.
      try {
        await symlink(layer, freezing(instanceId));
        await syncDirectory(home(instanceId));
        await layers.adopt(upper, layer, asLayer(await readKind(upper)));
        await writeKind(upper, { kind: 'plain' });
        await create(instanceId, owner, layer);
        await syncDirectory(home(instanceId));
      } catch (error) {
        await undoFreeze(instanceId, layer).catch((err: unknown) => {
          log.error({ err, instanceId, layer }, 'a failed freeze could not be undone');
        });
        throw spaceError(error, `freeze the files of machine ${instanceId}`, dir);
      }
      return layer;
    },

    isUntouched: async (instanceId, top) => {
      await settleFreeze(instanceId, [top]);
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

    undoUnrecordedFreezes: async (known) => {
      const mended: number[] = [];
      const left: LayerId[] = [];
      for (const instanceId of await list()) {
        const layer = await linkedLayer(instanceId);
        if (layer === undefined) continue;
        try {
          const unrecorded = !known.has(layer) && (await exists(layers.path(layer)));
          if (unrecorded) await putBack(instanceId, layer);
          await forgetFreeze(instanceId);
          if (unrecorded) mended.push(instanceId);
        } catch (error) {
          log.error({ err: error, instanceId, layer }, 'an unrecorded freeze cannot be undone');
          left.push(layer);
        }
      }
      return { mended, left };
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
