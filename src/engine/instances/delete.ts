import { rm } from 'node:fs/promises';

import { readBool } from '../../contract/config/read.ts';
import { WarrenError } from '../../contract/errors.ts';
import { removeBackupsOf } from '../backups/records.ts';
import { removeUnusedLayers } from '../layers.ts';
import { planBridge } from '../networks/bridges.ts';
import { planNics } from '../networks/nics.ts';
import type { EngineDeps, InstanceRecord, WorkContext } from '../types.ts';
import { consoleLogPath } from './adopt.ts';
import { endRun } from './end.ts';
import { killAndWait } from './kill.ts';
import { expandInstance, getInstance } from './list.ts';
import { isRunning } from './state.ts';

export interface DeleteInstanceInput {
  readonly name: string;
  /** A running machine is killed first; without it, it is `wrong_state`. */
  readonly force: boolean;
}

/**
 * Removes a machine with its snapshots. Throws `protected` when `security.protection.delete` holds.
 */
export async function deleteInstance(
  deps: EngineDeps,
  { name, force }: DeleteInstanceInput,
  _context: WorkContext,
): Promise<void> {
  getInstance(deps, name);
  using _ = await deps.live.locks.act(name, 'delete');
  const record = getInstance(deps, name);
  refuseProtected(deps, record);
  if (isRunning(deps, record)) {
    if (!force || record.run === undefined) {
      throw new WarrenError('wrong_state', {
        name,
        action: 'delete',
        state: 'running',
        wanted: 'stopped',
        hint: `warren delete --force ${name}`,
      });
    }
    using _stopping = deps.live.enter(record.id, 'Stopping');
    await killAndWait(deps, name, record.run.init);
  }
  if (record.run !== undefined) await endRun(deps, record, { kind: 'killed' });
  await removeInstance(deps, record);
}

/** Throws `protected`, which says who protects a machine: itself or the last profile that does. */
export function refuseProtected(deps: EngineDeps, record: InstanceRecord): void {
  const key = 'security.protection.delete';
  if (readBool(expandInstance(deps, record).config, key) !== true) return;
  const profile = record.profiles.findLast(
    (name) => deps.store.profiles.find(name)?.config[key] !== undefined,
  );
  const source =
    record.config[key] !== undefined || profile === undefined
      ? 'the machine'
      : `profile ${profile}`;
  throw new WarrenError('protected', { name: record.name, key, source });
}

/**
 * Takes away a machine that does not run. Its directories and leases go before its row, so that its
 * ids are free only when no file has them any more, and no lease is left that nobody knows of; a
 * death in between leaves a row that says `deleting`, and recovery goes on. Call it under the
 * machine's lock.
 */
export async function removeInstance(deps: EngineDeps, record: InstanceRecord): Promise<void> {
  const { id, name } = record;
  const { store, storage, runtime } = deps;
  const nics = planNics(name, expandInstance(deps, record));
  store.reclaim(() => {
    store.instances.setPhase(id, 'deleting');
  });
  await storage.unmountRoot(id);
  await runtime.delete(name);
  await storage.removeUpper(id);
  await rm(consoleLogPath(deps, id), { force: true });
  await removeBackupsOf(deps, id);
  for (const nic of nics) {
    const network = store.networks.find(nic.bridge);
    if (network === undefined) continue;
    try {
      await deps.networks.releaseLease(planBridge(network, []), nic.hwaddr);
    } catch (error) {
      deps.log.warn({ err: error, instance: name }, 'a lease was not given back');
    }
  }
  store.reclaim(() => {
    store.instances.delete(id);
    store.slices.removeUnused();
    store.warnings.deleteOf(`instance ${name}`);
  });
  deps.live.forget(id);
  await removeUnusedLayers(deps);
  deps.events.lifecycle({
    action: 'instance-deleted',
    subject: { kind: 'instance', name },
    context: {},
  });
}
