import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps } from '../types.ts';
import { applyNetworks } from './bridges.ts';
import { getNetwork, usersOfNetwork } from './list.ts';

/** Throws `in_use`. A death between row and bridge is mended by the next `apply`. */
export async function deleteNetwork(deps: EngineDeps, name: string): Promise<void> {
  deps.store.reclaim(() => {
    refuseUsed(deps, name);
    deps.store.networks.delete(getNetwork(deps, name).id);
  });
  await applyNetworks(deps);
  deps.events.lifecycle({
    action: 'network-deleted',
    subject: { kind: 'network', name },
    context: {},
  });
}

/** Throws `in_use` while a machine or a profile has a nic on the network. */
export function refuseUsed(deps: EngineDeps, name: string): void {
  const { instances, profiles } = usersOfNetwork(deps, name);
  const users = [...instances, ...profiles.map((profile) => `profile ${profile}`)];
  if (users.length > 0) throw new WarrenError('in_use', { kind: 'network', name, users });
}
