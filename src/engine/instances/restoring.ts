import type { EngineDeps, InstanceRecord } from '../types.ts';
import { ownerOf } from './owner.ts';

/** The machine's own directory, made empty for a restored chain. Repeatable. */
export async function emptyUpper(deps: EngineDeps, record: InstanceRecord): Promise<void> {
  // Read again: the chain and the ids are newer than the record.
  const now = deps.store.instances.findById(record.id) ?? record;
  await deps.storage.emptyUpper(now.id, ownerOf(now), now.layers[0]);
  deps.store.transaction(() => {
    deps.store.instances.mergeConfig(record.id, { 'volatile.restoring': undefined });
  });
}

/**
 * Finishes a restore that failed or died between the chain and the empty directory on it: until
 * then the machine's files are those of no time. Call it under the lock of a machine that does not
 * run.
 */
export async function finishRestore(deps: EngineDeps, record: InstanceRecord): Promise<void> {
  const now = deps.store.instances.findById(record.id);
  if (now?.config['volatile.restoring'] === undefined) return;
  await deps.storage.unmountRoot(record.id);
  await emptyUpper(deps, record);
}
