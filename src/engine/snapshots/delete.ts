import { removeUnusedLayers } from '../layers.ts';
import type { EngineDeps, WorkContext } from '../types.ts';
import { getSnapshot } from './list.ts';

export interface DeleteSnapshotInput {
  readonly instance: string;
  readonly name: string;
}

/** Removes a snapshot; its layers go when nothing else uses them. */
export async function deleteSnapshot(
  deps: EngineDeps,
  input: DeleteSnapshotInput,
  _context: WorkContext,
): Promise<void> {
  const { instance, name } = input;
  getSnapshot(deps, instance, name);
  using _ = await deps.live.locks.act(instance, 'delete a snapshot of');
  await deleteSnapshotLocked(deps, input);
}

/** The same for a caller that holds the machine's lock. */
export async function deleteSnapshotLocked(
  deps: EngineDeps,
  { instance, name }: DeleteSnapshotInput,
): Promise<void> {
  const snapshot = getSnapshot(deps, instance, name);
  deps.store.reclaim(() => {
    deps.store.snapshots.delete(snapshot.id);
  });
  await removeUnusedLayers(deps);
  deps.events.lifecycle({
    action: 'instance-snapshot-deleted',
    subject: { kind: 'instance-snapshot', instance, name },
    context: {},
  });
}
