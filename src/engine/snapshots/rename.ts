import type { EngineDeps, WorkContext } from '../types.ts';
import { getSnapshot } from './list.ts';
import { checkSnapshotName } from './names.ts';

export interface RenameSnapshotInput {
  readonly instance: string;
  readonly name: string;
  readonly newName: string;
}

/** Renames a snapshot. Throws `exists`. */
export async function renameSnapshot(
  deps: EngineDeps,
  { instance, name, newName }: RenameSnapshotInput,
  _context: WorkContext,
): Promise<void> {
  checkSnapshotName(`rename ${instance}/${name}`, newName);
  getSnapshot(deps, instance, name);
  using _ = await deps.live.locks.act(instance, 'rename a snapshot of');
  deps.store.transaction(() => {
    deps.store.snapshots.rename(getSnapshot(deps, instance, name), newName);
  });
  deps.events.lifecycle({
    action: 'instance-snapshot-renamed',
    subject: { kind: 'instance-snapshot', instance, name: newName },
    context: { old_name: name },
  });
}
