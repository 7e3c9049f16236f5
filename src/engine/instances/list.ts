import { nearestName } from '../../base/text.ts';
import { expand, type Expanded } from '../../contract/config/expand.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';

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

/** The machine's keys and devices with its profiles merged in, as LXD merges them. */
export function expandInstance(
  deps: Pick<EngineDeps, 'store'>,
  record: Pick<InstanceRecord, 'config' | 'devices' | 'profiles'>,
): Expanded {
  const profiles = record.profiles.flatMap((name) => deps.store.profiles.find(name) ?? []);
  return expand(profiles, record);
}
