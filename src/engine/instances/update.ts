import { Revert } from '../../base/revert.ts';
import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import { dropEmpty } from '../../contract/config/validate.ts';
import { applyNetworks } from '../networks/bridges.ts';
import { noteFixedAddresses } from '../networks/held-addresses.ts';
import { missingHwaddrs, staleHwaddrs } from '../networks/nics.ts';
import type { EngineDeps, InstanceRecord, WorkContext } from '../types.ts';
import { applied, noteApplying } from './applying.ts';
import { applyLive } from './apply-live.ts';
import { dropEmptyKeys } from './devices.ts';
import { checkSources } from './disks.ts';
import { expandInstance, getInstance } from './list.ts';
import { notLive } from './not-live.ts';
import { checkWishedIds } from './other-ids.ts';
import { isRunning } from './state.ts';
import { checkInstance, refuseHeldAddresses } from './validate.ts';
import { profilesFor } from '../projects/features.ts';

/** The new value of each field that is given; what is undefined stays. */
export interface UpdateInstanceInput {
  readonly name: string;
  readonly description?: string | undefined;
  /** `volatile.*` keys are the daemon's: those given are ignored. An empty value removes a key. */
  readonly config?: StringMap | undefined;
  readonly devices?: DeviceMap | undefined;
  /** `merge`: config and devices are laid over the present ones instead of taking their place. */
  readonly mode?: 'replace' | 'merge' | undefined;
  /** By the names that its project has for them. */
  readonly profiles?: readonly string[] | undefined;
  readonly ephemeral?: boolean | undefined;
  /** Called under the machine's lock with the present record; throws `stale` for a wrong ETag. */
  readonly check?: ((current: InstanceRecord) => void) | undefined;
}

export interface UpdatedInstance {
  readonly record: InstanceRecord;
  /** Keys of a running machine whose change takes effect at its next start. */
  readonly waiting: readonly string[];
}

/**
 * Validates the result as a whole, applies what is live to a running machine, stores it. Keys that
 * need a restart are stored and take effect at the next start, as LXD does. When applying fails,
 * what was applied is taken back and nothing is stored. Waits a moment for what is under way with
 * the machine.
 */
export async function updateInstance(
  deps: EngineDeps,
  input: UpdateInstanceInput,
  { signal }: WorkContext,
): Promise<UpdatedInstance> {
  const { name } = input;
  getInstance(deps, name);
  using _ = await deps.live.locks.actSoon(name, 'update', signal);
  const current = getInstance(deps, name);
  input.check?.(current);
  const base = input.mode === 'merge' ? current : { config: {}, devices: {} };
  const wanted = {
    description: input.description ?? current.description,
    ephemeral: input.ephemeral ?? current.ephemeral,
    profiles:
      input.profiles === undefined ? current.profiles : profilesFor(deps, name, input.profiles),
    devices:
      input.devices === undefined
        ? current.devices
        : dropEmptyKeys({ ...base.devices, ...input.devices }),
    config:
      input.config === undefined
        ? current.config
        : merged(current.config, { ...base.config, ...input.config }),
  };
  const candidate = { machine: name, settings: wanted, current, moment: 'change' } as const;
  checkInstance(deps, `change ${name}`, candidate);
  const before = expandInstance(deps, current);
  const { devices, config } = expandInstance(deps, wanted);
  checkWishedIds(deps, current, config);
  await checkSources(deps, `change ${name}`, before.devices, devices);
  await refuseHeldAddresses(deps, `change ${name}`, devices, current.id, before.devices);
  // Again, for another may have taken meanwhile what was left of what all have together.
  checkInstance(deps, `change ${name}`, candidate);
  const hwaddrs = missingHwaddrs({ config, devices });
  const stale = staleHwaddrs(wanted.config, devices);
  const kept = Object.entries(wanted.config).filter(([key]) => !stale.includes(key));
  const next = { ...wanted, config: { ...Object.fromEntries(kept), ...hwaddrs } };

  await using undo = new Revert((what, error) => {
    deps.log.warn(
      { err: error, instance: name, what },
      'a failed change was not undone completely',
    );
  });
  // Stored first: the switch is told what the database says. A failure puts the old values back.
  undo.push('put the old settings back', async () => {
    deps.store.reclaim(() => {
      deps.store.instances.setSettings(current.id, current);
    });
    await applyNetworks(deps);
  });
  const after = expandInstance(deps, next);
  const runs = isRunning(deps, current);
  deps.store.transaction(() => {
    deps.store.instances.setSettings(current.id, next);
    if (runs) deps.store.instances.mergeConfig(current.id, noteApplying(before));
  });
  noteFixedAddresses(deps, before.devices, after.devices);
  if (runs) {
    await applyLive(deps, current, before, after, undo);
    deps.store.transaction(() => {
      deps.store.instances.mergeConfig(current.id, applied);
    });
  }
  undo.keep();
  deps.events.lifecycle({
    action: 'instance-updated',
    subject: { kind: 'instance', name },
    context: {},
  });
  return { record: getInstance(deps, name), waiting: runs ? notLive(before, after) : [] };
}

function merged(current: StringMap, given: StringMap): StringMap {
  const isVolatile = ([key]: readonly [string, string]): boolean => key.startsWith('volatile.');
  return Object.fromEntries([
    ...Object.entries(dropEmpty(given)).filter((entry) => !isVolatile(entry)),
    ...Object.entries(current).filter(isVolatile),
  ]);
}
