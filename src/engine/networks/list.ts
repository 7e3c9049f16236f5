import { nearestName } from '../../base/text.ts';
import { WarrenError } from '../../contract/errors.ts';
import { expandInstance, listInstances } from '../instances/list.ts';
import type { EngineDeps, NetworkRecord } from '../types.ts';
import { networkOfNic, nicDevices } from './nics.ts';

/** By name. */
export function listNetworks(deps: Pick<EngineDeps, 'store'>): NetworkRecord[] {
  return deps.store.networks.list();
}

/** Throws `not_found` with the nearest name. */
export function getNetwork(deps: Pick<EngineDeps, 'store'>, name: string): NetworkRecord {
  const network = deps.store.networks.find(name);
  if (network !== undefined) return network;
  const names = listNetworks(deps).map((other) => other.name);
  throw new WarrenError('not_found', { kind: 'network', name, nearest: nearestName(name, names) });
}

/** Names of the machines and profiles whose nics are on it. */
export function usersOfNetwork(
  deps: Pick<EngineDeps, 'store' | 'policy'>,
  name: string,
): { readonly instances: string[]; readonly profiles: string[] } {
  const uses = (devices: NonNullable<Parameters<typeof nicDevices>[0]>): boolean =>
    nicDevices(devices).some(([, device]) => networkOfNic(device) === name);
  return {
    instances: listInstances(deps)
      .filter((record) => uses(expandInstance(deps, record).devices))
      .map((record) => record.name),
    profiles: deps.store.profiles
      .list()
      .filter((profile) => uses(profile.devices))
      .map((profile) => profile.name),
  };
}
