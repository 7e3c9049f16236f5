import { Revert } from '../../base/revert.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { dropEmpty } from '../../contract/config/validate.ts';
import type { LayerId } from '../../storage/types.ts';
import { checkVolumePolicy } from '../policy/volumes.ts';
import type { EngineDeps, VolumeRecord, WorkContext } from '../types.ts';
import { record, refuseTaken, removeTree } from './create.ts';
import { getVolumeSnapshot } from './list.ts';
import { withStillVolume } from './still.ts';
import { checkVolume, refuseBeyondSize } from './validate.ts';

export interface CopyVolumeInput {
  readonly name: string;
  /** Undefined: the source's. */
  readonly description: string | undefined;
  readonly config: StringMap | undefined;
  readonly source: string;
  /** Of the source; a copy of that alone. */
  readonly snapshot: string | undefined;
  /** Without the snapshots of the source. */
  readonly volumeOnly: boolean;
}

/**
 * Copies a volume, with its snapshots, under another name. Machines that hold it are frozen while
 * its files are read. Throws `exists`, `not_found`, `policy`.
 */
export async function copyVolume(
  deps: EngineDeps,
  input: CopyVolumeInput,
  { signal }: WorkContext,
): Promise<VolumeRecord> {
  const { name, source } = input;
  const what = `copy the storage volume ${source}`;
  refuseTaken(deps, name);
  const copy = await withStillVolume(deps, source, async (volume, copied) => {
    const origin =
      input.snapshot === undefined ? volume : getVolumeSnapshot(deps, volume, input.snapshot);
    const config = dropEmpty(input.config ?? origin.config);
    checkVolume(what, name, config);
    checkVolumePolicy(deps, what, undefined, { name, config });
    await refuseBeyondSize(deps, what, origin);
    const isWhole = input.snapshot === undefined && !input.volumeOnly;
    const snapshots = isWhole ? deps.store.volumes.snapshots(volume.id) : [];

    const made: LayerId[] = [];
    await using undo = new Revert((step, error) => {
      deps.log.warn({ err: error, step }, 'a failed copy did not clean up');
    });
    const copyOf = async (tree: LayerId, then?: () => Promise<void>): Promise<LayerId> => {
      const options = { signal, ...(then === undefined ? {} : { copied: then }) };
      const copyTree = await deps.storage.volumes.copy(tree, options);
      undo.push('remove a copy', () => removeTree(deps, copyTree));
      made.push(copyTree);
      return copyTree;
    };
    const tree = await copyOf(origin.tree, copied);
    const copies: VolumeRecord[] = [];
    for (const snapshot of snapshots) {
      copies.push({ ...snapshot, tree: await copyOf(snapshot.tree) });
    }
    undo.keep();
    return await record(deps, made, () => {
      // Again, for others may have been made while the files were copied.
      checkVolumePolicy(deps, what, undefined, { name, config });
      const inserted = deps.store.volumes.insert({
        ...origin,
        parentId: undefined,
        name,
        description: input.description ?? origin.description,
        createdAtMs: deps.now(),
        expiresAtMs: undefined,
        config,
        tree,
      });
      keepShift(deps, origin, inserted);
      for (const snapshot of copies) {
        const row = deps.store.volumes.insert({ ...snapshot, parentId: inserted.id });
        keepShift(deps, snapshot, row);
      }
      return inserted;
    });
  });
  const subject = { kind: 'volume', name } as const;
  deps.events.lifecycle({ action: 'storage-volume-created', subject, context: { source } });
  return copy;
}

/** A copy of what was left half-way between two owners is there as well. */
export function keepShift(deps: EngineDeps, from: VolumeRecord, to: VolumeRecord): void {
  if (from.nextOwner !== undefined) deps.store.volumes.setNextOwner(to.id, from.nextOwner);
}
