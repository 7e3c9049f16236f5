import { checkLimits } from '../instances/check-limits.ts';
import { endRun } from '../instances/end.ts';
import { expandInstance, getInstance } from '../instances/list.ts';
import { emptyUpper } from '../instances/restoring.ts';
import { startLocked } from '../instances/start.ts';
import { isRunning } from '../instances/state.ts';
import { stopLocked } from '../instances/stop.ts';
import { checkInstance, refuseHeldAddresses } from '../instances/validate.ts';
import { removeUnusedLayers } from '../layers.ts';
import { noteFixedAddresses } from '../networks/held-addresses.ts';
import type { EngineDeps, InstanceRecord, SnapshotRecord, WorkContext } from '../types.ts';
import { getSnapshot } from './list.ts';
import { sameProfilesFor } from '../projects/features.ts';

export interface RestoreSnapshotInput {
  readonly instance: string;
  readonly name: string;
}

/**
 * Puts a machine back to a snapshot, files and configuration; a running one is stopped before and
 * started after, which `restarted` tells.
 */
export async function restoreSnapshot(
  deps: EngineDeps,
  input: RestoreSnapshotInput,
  context: WorkContext,
): Promise<{ readonly restarted: boolean }> {
  const { instance, name } = input;
  getInstance(deps, instance);
  using _ = await deps.live.locks.act(instance, 'restore');
  const record = getInstance(deps, instance);
  const snapshot = getSnapshot(deps, instance, name);
  const restored = settingsOf(deps, record, snapshot);
  checkInstance(deps, `restore ${instance}`, {
    machine: instance,
    settings: restored,
    current: record,
    moment: 'restore',
  });
  const expanded = expandInstance(deps, restored);
  await refuseHeldAddresses(deps, `restore ${instance}`, expanded.devices, record.id);

  const wasRunning = isRunning(deps, record);
  if (wasRunning) checkLimits(deps, instance, expanded);
  if (wasRunning) await stopLocked(deps, record, { force: true, timeoutMs: 0 }, context);
  else if (record.run !== undefined) await endRun(deps, record, undefined);
  await deps.storage.unmountRoot(record.id);
  // Read again: the end of its run changed what is volatile.
  const settings = settingsOf(deps, getInstance(deps, instance), snapshot);
  // The chain first: a death in between leaves the snapshot with the files of later, which the
  // marker makes recovery empty.
  deps.store.transaction(() => {
    deps.store.instances.setLayers(record.id, snapshot.layers);
    deps.store.instances.setSettings(record.id, settings);
    deps.store.instances.mergeConfig(record.id, { 'volatile.restoring': 'true' });
  });
  noteFixedAddresses(deps, expandInstance(deps, record).devices, expanded.devices);
  await emptyUpper(deps, record);
  await removeUnusedLayers(deps);
  deps.events.lifecycle({
    action: 'instance-restored',
    subject: { kind: 'instance', name: instance },
    context: { snapshot: name },
  });
  if (wasRunning) await startLocked(deps, instance, context);
  return { restarted: wasRunning };
}

/** The snapshot's settings with what is the machine's own now: its identity and its ids. */
function settingsOf(
  deps: EngineDeps,
  record: InstanceRecord,
  snapshot: SnapshotRecord,
): Pick<InstanceRecord, 'description' | 'ephemeral' | 'config' | 'devices' | 'profiles'> {
  const own = (config: InstanceRecord['config'], volatile: boolean): [string, string][] =>
    Object.entries(config).filter(
      ([key]) => (key.startsWith('volatile.') || key.startsWith('security.idmap.')) === volatile,
    );
  // Its files may be those of before the first start, or of the machine that this one is a copy of.
  const trigger = snapshot.config['volatile.apply_template'];
  return {
    description: record.description,
    ephemeral: snapshot.ephemeral,
    config: {
      ...Object.fromEntries([...own(snapshot.config, false), ...own(record.config, true)]),
      ...(trigger === undefined ? {} : { 'volatile.apply_template': trigger }),
    },
    devices: snapshot.devices,
    // It may have been made in another project.
    profiles: sameProfilesFor(deps, record.name, snapshot.profiles).filter(
      (name) => deps.store.profiles.find(name) !== undefined,
    ),
  };
}
