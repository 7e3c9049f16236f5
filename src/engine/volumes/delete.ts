import { removeBackupsOf } from '../backups/records.ts';
import type { EngineDeps } from '../types.ts';
import { removeTree } from './create.ts';
import { getVolume, refuseUsedVolume } from './list.ts';

/**
 * Deletes a volume with its snapshots. Throws `in_use` while a machine or a profile has it. A death
 * after the rows are gone leaves directories that recovery removes.
 */
export async function deleteVolume(deps: EngineDeps, name: string): Promise<void> {
  using _ = await deps.live.volumes.hold(String(getVolume(deps, name).id));
  const { id } = getVolume(deps, name);
  const trees = deps.store.reclaim(() => {
    const volume = getVolume(deps, name);
    refuseUsedVolume(deps, name);
    const snapshots = deps.store.volumes.snapshots(volume.id);
    deps.store.volumes.delete(volume.id);
    return [volume.tree, ...snapshots.map(({ tree }) => tree)];
  });
  for (const tree of trees) await removeTree(deps, tree);
  await removeBackupsOf(deps, { volume: id });
  const subject = { kind: 'volume', name } as const;
  deps.events.lifecycle({ action: 'storage-volume-deleted', subject, context: {} });
}
