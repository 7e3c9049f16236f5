import { nearestName } from '../../base/text.ts';
import { WarrenError } from '../../contract/errors.ts';
import { getInstance } from '../instances/list.ts';
import type { EngineDeps, SnapshotRecord } from '../types.ts';

/** Oldest first. */
export function listSnapshots(deps: EngineDeps, instance: string): SnapshotRecord[] {
  return deps.store.snapshots.list(getInstance(deps, instance).id);
}

/** Throws `not_found`. */
export function getSnapshot(deps: EngineDeps, instance: string, name: string): SnapshotRecord {
  const { id } = getInstance(deps, instance);
  const snapshot = deps.store.snapshots.find(id, name);
  if (snapshot !== undefined) return snapshot;
  const names = deps.store.snapshots.list(id).map((other) => other.name);
  throw new WarrenError('not_found', {
    kind: 'snapshot',
    name: `${instance}/${name}`,
    nearest: nearestName(name, names),
  });
}
