import { readlink, rename, rm, rmdir, symlink } from 'node:fs/promises';

import { WarrenError } from '../contract/errors.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { spaceError } from './files/errors.ts';
import { asLayer, asUpper, readKind, writeKind, type Layers } from './layers.ts';
import { exists, syncDirectory } from './trees.ts';
import type { LayerId, OwnerRange, StorageLog, UndoneFreezes } from './types.ts';
import { upperPlaces } from './upper-places.ts';

export interface FreezesDeps {
  readonly dir: string;
  readonly layers: Layers;
  readonly log: StorageLog;
  /** Makes the writable directories of a machine; its `/` is as that of the layer. */
  readonly create: (instanceId: number, owner: OwnerRange, like: LayerId) => Promise<void>;
  /** The machines that have writable directories. */
  readonly list: () => Promise<number[]>;
}

/**
 * Makes layers of the uppers of stopped machines, each in a few renames. Until the caller has
 * recorded the layer, `freezing` in the machine's directory is a link with its id, by which a later
 * daemon finds what a death left half-done and puts the files back.
 */
export interface Freezes {
  /** Makes the upper a layer and gives the machine an empty one. A failure puts the files back. */
  freeze(instanceId: number, owner: OwnerRange): Promise<LayerId>;
  /** The layer is recorded. */
  forget(instanceId: number): Promise<void>;
  /** Puts the files back that became `layer`. */
  undo(instanceId: number, layer: LayerId): Promise<void>;
  /**
   * Throws unless the machine stands on what its last freeze made: the files of one that was
   * neither recorded nor undone would be missing. Then that freeze is past undoing.
   */
  settle(instanceId: number, chain: readonly LayerId[]): Promise<void>;
  /** Puts the files back of every machine whose frozen layer is not among `known`. */
  undoUnrecorded(known: ReadonlySet<LayerId>): Promise<UndoneFreezes>;
}

export function makeFreezes({ dir, layers, log, create, list }: FreezesDeps): Freezes {
  const { home, upperPath } = upperPlaces(dir);
  const freezing = (instanceId: number): string => `${home(instanceId)}/freezing`;

  const forget = (instanceId: number): Promise<void> => rm(freezing(instanceId), { force: true });

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

  const undo = async (instanceId: number, layer: LayerId): Promise<void> => {
    if (await exists(layers.path(layer))) await putBack(instanceId, layer);
    await forget(instanceId);
  };

  const settle = async (instanceId: number, chain: readonly LayerId[]): Promise<void> => {
    const layer = await linkedLayer(instanceId);
    if (layer === undefined) return;
    if (!chain.includes(layer) && (await exists(layers.path(layer)))) {
      throw new WarrenError('unsupported', {
        what: `use the files of machine ${instanceId}`,
        why: `a snapshot of it failed and its files are still in layer ${layer}, which a new daemon puts back`,
        hint: 'warren daemon restart',
      });
    }
    await forget(instanceId);
  };

  const linkedLayer = async (instanceId: number): Promise<LayerId | undefined> => {
    try {
      return await readlink(freezing(instanceId));
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
  };

  return {
    forget,
    undo,
    settle,

    freeze: async (instanceId, owner) => {
      const upper = upperPath(instanceId);
      const layer = await layers.newId();
      await settle(instanceId, []);
      // Death from here on until the caller has recorded the layer is mended by `undoUnrecorded`.
      try {
        await symlink(layer, freezing(instanceId));
        await syncDirectory(home(instanceId));
        await layers.adopt(upper, layer, asLayer(await readKind(upper)));
        await writeKind(upper, { kind: 'plain' });
        await create(instanceId, owner, layer);
        await syncDirectory(home(instanceId));
      } catch (error) {
        await undo(instanceId, layer).catch((err: unknown) => {
          log.error({ err, instanceId, layer }, 'a failed freeze could not be undone');
        });
        throw spaceError(error, `freeze the files of machine ${instanceId}`, dir);
      }
      return layer;
    },

    undoUnrecorded: async (known) => {
      const mended: number[] = [];
      const left: LayerId[] = [];
      for (const instanceId of await list()) {
        const layer = await linkedLayer(instanceId);
        if (layer === undefined) continue;
        try {
          const unrecorded = !known.has(layer) && (await exists(layers.path(layer)));
          if (unrecorded) await putBack(instanceId, layer);
          await forget(instanceId);
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
