import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';

/** All machines by name. */
export function listInstances(deps: EngineDeps): InstanceRecord[] {
  throw new Error(`not yet ${deps.architecture}`);
}

/** Throws `not_found` with the nearest name. */
export function getInstance(deps: EngineDeps, name: string): InstanceRecord {
  throw new Error(`not yet ${deps.architecture} ${name}`);
}

/** The machine's keys and devices with its profiles merged in, as LXD merges them. */
export function expandInstance(
  deps: EngineDeps,
  record: Pick<InstanceRecord, 'config' | 'devices' | 'profiles'>,
): { readonly config: StringMap; readonly devices: DeviceMap } {
  throw new Error(`not yet ${deps.architecture} ${record.profiles.join()}`);
}
