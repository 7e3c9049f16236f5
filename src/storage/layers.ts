import { randomInt } from 'node:crypto';
import { chmod, chown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';

import { hostPath, type HostPath } from '../base/brand.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { Discards, type Discard } from './discards.ts';
import { spaceError } from './files/errors.ts';
import { exists, removeTree, syncDirectory, syncTree } from './trees.ts';
import type { LayerId, OwnerRange, StagedLayer, StorageLog } from './types.ts';

/**
 * What a directory of files is:
 *
 * plain  an image or an upper; as a layer, the bottom of its chains
 * delta  an upper that became a layer: it stands on others
 * full   a whole root file system on which nothing below it may show (the copy tier makes these)
 * fuse   written by fuse-overlayfs, whose marks for removed files the kernel does not know
 * meta   names, owners and modes only; the contents lie in the data-only layer of layer `data`
 */
export type TreeKind =
  | { readonly kind: 'plain' | 'delta' | 'full' | 'fuse' }
  | { readonly kind: 'meta'; readonly data: LayerId };

const plain: TreeKind = { kind: 'plain' };

/** A directory under construction, with a suffix that `sweep` knows. */
const staging = '.part';
/** A directory being removed. */
const leaving = '.gone';
/** A data-only layer. */
const dataSuffix = '.data';

/**
 * The directory of layers: `ID/`, `ID.json` for one that is not plain, and `ID.data/` with the
 * contents that meta layers made from ID refer to. The last outlives ID while there are any.
 */
export interface Layers {
  readonly dir: HostPath;
  path(layer: LayerId): HostPath;
  dataPath(layer: LayerId): HostPath;
  stage(owner?: OwnerRange, kind?: TreeKind): Promise<StagedLayer>;
  /** Makes a directory elsewhere on the same file system a layer, by a rename. */
  adopt(directory: HostPath, layer: LayerId, kind: TreeKind): Promise<void>;
  /** An id that no layer on disk has. */
  newId(): Promise<LayerId>;
  kindOf(layer: LayerId): Promise<TreeKind>;
  remove(layer: LayerId): Promise<void>;
  /**
   * Takes a directory elsewhere on the same file system away, by a rename. What is in it is removed
   * a moment after that, at the latest by `close` or the next `sweep`. Absent is fine.
   */
  discard(directory: HostPath): Promise<Discard>;
  /** Waits at most `patienceMs` milliseconds until what was discarded is removed. */
  close(patienceMs: number): Promise<void>;
  /** Whether what is at this path is being removed. */
  isLeaving(path: string): boolean;
  list(): Promise<LayerId[]>;
  sweep(): Promise<void>;
}

export function makeLayers(dir: HostPath, log: StorageLog): Layers {
  const path = (layer: LayerId): HostPath => hostPath(`${dir}/${checkedId(layer)}`);

  const beingRemoved = new Set<string>();
  const discards = new Discards();
  /** Renames a directory, for `removeGone`. Absent is fine. */
  const takeAway = async (directory: string, gone: string): Promise<void> => {
    beingRemoved.add(gone);
    try {
      await rename(directory, gone);
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return;
      beingRemoved.delete(gone);
      throw spaceError(error, `remove ${directory}`, dir);
    }
  };
  const removeGone = async (gone: string): Promise<void> => {
    try {
      await removeTree(gone);
    } finally {
      beingRemoved.delete(gone);
    }
  };

  const newId = async (): Promise<LayerId> => {
    for (;;) {
      // Seven digits: short, since 4,095 bytes of mount options must hold a whole chain of them.
      const id = randomInt(36 ** 6, 36 ** 7).toString(36);
      if (!(await exists(`${dir}/${id}`)) && !(await exists(`${dir}/${id}${staging}`))) return id;
    }
  };

  const list = async (): Promise<LayerId[]> =>
    (await readdir(dir, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory() && isLayerId(entry.name))
      .map(({ name }) => name);

  const dataPath = (layer: LayerId): HostPath => hostPath(`${path(layer)}${dataSuffix}`);

  /** Removes the data-only layers whose original is gone and to which no meta layer refers. */
  const removeUnusedData = async (): Promise<void> => {
    const present = (await readdir(dir)).filter((name) => name.endsWith(dataSuffix));
    if (present.length === 0) return;
    const used = new Set(await list());
    for (const layer of await list()) {
      const kind = await readKind(path(layer));
      if (kind.kind === 'meta') used.add(kind.data);
    }
    for (const name of present) {
      if (used.has(name.slice(0, -dataSuffix.length))) continue;
      const gone = `${dir}/${name}${leaving}`;
      await takeAway(`${dir}/${name}`, gone);
      await removeGone(gone);
    }
  };

  return {
    dir,
    path,
    dataPath,
    newId,
    list,
    kindOf: (layer) => readKind(path(layer)),

    stage: async (owner, kind = plain) => {
      const id = await newId();
      const part = hostPath(`${dir}/${id}${staging}`);
      try {
        await mkdir(part, { mode: 0o700 });
      } catch (error) {
        throw spaceError(error, 'stage a layer', dir);
      }
      if (owner !== undefined) {
        await chown(part, owner.start, owner.start);
        await chmod(part, 0o755);
      }
      let committed = false;
      return {
        id,
        path: part,
        commit: async () => {
          // Contents first: a name that survives a power cut must not lead to empty files.
          await syncTree(part);
          await writeKind(path(id), kind);
          await rename(part, path(id));
          committed = true;
          await syncDirectory(dir);
        },
        [Symbol.asyncDispose]: async () => {
          if (!committed) await removeTree(part);
        },
      };
    },

    adopt: async (directory, layer, kind) => {
      await writeKind(path(layer), kind);
      await rename(directory, path(layer));
      await syncDirectory(dir);
    },

    remove: async (layer) => {
      const gone = `${dir}/${checkedId(layer)}${leaving}`;
      await removeTree(gone);
      // One step, so that nobody ever sees half a layer.
      await takeAway(path(layer), gone);
      await Promise.all([removeGone(gone), rm(kindFile(path(layer)), { force: true })]);
      await removeUnusedData();
    },

    discard: async (directory) => {
      const gone = `${dir}/${await newId()}${leaving}`;
      await takeAway(directory, gone);
      return discards.add(() =>
        removeGone(gone).catch((err: unknown) => {
          log.warn({ err, directory, gone }, 'discarded files could not be removed');
        }),
      );
    },

    close: (patienceMs) => discards.close(patienceMs),

    isLeaving: (path) => beingRemoved.has(path),

    sweep: async () => {
      const layers = new Set(await list());
      for (const name of await readdir(dir)) {
        const orphan = name.endsWith('.json') && !layers.has(name.slice(0, -'.json'.length));
        if (orphan || name.endsWith(staging) || name.endsWith(leaving)) {
          await removeTree(`${dir}/${name}`);
        }
      }
      await removeUnusedData();
    },
  };
}

/** Layer ids end up in mount options and paths. */
export function isLayerId(text: string): boolean {
  return /^[0-9a-z]{1,12}$/.test(text);
}

/** The kind that an upper has once it is a layer. */
export function asLayer(upper: TreeKind): TreeKind {
  return upper.kind === 'plain' ? { kind: 'delta' } : upper;
}

/** The kind that such a layer has when it becomes an upper again. */
export function asUpper(layer: TreeKind): TreeKind {
  return layer.kind === 'delta' ? plain : layer;
}

function checkedId(layer: LayerId): LayerId {
  if (!isLayerId(layer)) throw new Error(`"${layer}" is no layer id`);
  return layer;
}

function kindFile(directory: string): string {
  return `${directory}.json`;
}

/** The kind of `directory`, kept beside it where no guest reaches it. */
export async function readKind(directory: HostPath): Promise<TreeKind> {
  try {
    return JSON.parse(await readFile(kindFile(directory), 'utf8')) as TreeKind;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return plain;
    throw error;
  }
}

/** Written whole or not at all, before the directory gets its name. */
export async function writeKind(directory: HostPath, kind: TreeKind): Promise<void> {
  if (kind.kind === 'plain') {
    await rm(kindFile(directory), { force: true });
    return;
  }
  const part = `${kindFile(directory)}${staging}`;
  await writeFile(part, JSON.stringify(kind), { flush: true });
  await rename(part, kindFile(directory));
}
