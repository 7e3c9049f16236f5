import { nearestName } from '../../base/text.ts';
import { type ConfigLayer, expand, type Expanded } from '../../contract/config/expand.ts';
import { WarrenError } from '../../contract/errors.ts';
import { imposedBy } from '../policy/policy.ts';
import type { EngineDeps, InstanceRecord, ProfileRecord } from '../types.ts';

/** All machines by name; those that are still being made are not there yet. */
export function listInstances(deps: Pick<EngineDeps, 'store'>): InstanceRecord[] {
  return deps.store.instances.list().filter(({ phase }) => phase !== 'creating');
}

/** Throws `not_found` with the nearest name. */
export function getInstance(deps: Pick<EngineDeps, 'store'>, name: string): InstanceRecord {
  const record = deps.store.instances.find(name);
  if (record !== undefined && record.phase !== 'creating') return record;
  const names = listInstances(deps).map((other) => other.name);
  throw new WarrenError('not_found', {
    kind: 'instance',
    name,
    nearest: nearestName(name, names),
  });
}

/**
 * The machine's keys and devices with its profiles merged in, as LXD merges them, and what the
 * administrator's policy imposes. `override` takes the place of the stored profile of its name.
 */
export function expandInstance(
  deps: Pick<EngineDeps, 'store' | 'policy'>,
  record: Pick<InstanceRecord, 'config' | 'devices' | 'profiles'>,
  override?: ProfileRecord,
): Expanded {
  return expander(deps, override)(record);
}

/**
 * `expandInstance` for many machines at one moment: each profile is read once. What it returns is
 * for one answer only, since it does not see changes of profiles.
 */
export function expander(
  deps: Pick<EngineDeps, 'store' | 'policy'>,
  override?: ProfileRecord,
): (record: Pick<InstanceRecord, 'config' | 'devices' | 'profiles'>) => Expanded {
  const known = new Map<string, ConfigLayer | undefined>();
  if (override !== undefined) known.set(override.name, override);
  const imposed = imposedBy(deps);
  const find = (name: string): ConfigLayer | undefined => {
    if (!known.has(name)) known.set(name, deps.store.profiles.find(name));
    return known.get(name);
  };
  return (record) =>
    expand(
      record.profiles.flatMap((name) => find(name) ?? []),
      record,
      imposed,
    );
}
