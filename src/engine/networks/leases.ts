import type { NetworkLease } from '../../contract/api/networks.ts';
import type { EngineDeps } from '../types.ts';
import { planBridges } from './bridges.ts';
import { getNetwork } from './list.ts';

/** Static, dynamic and gateway addresses of a network. */
export async function listLeases(deps: EngineDeps, name: string): Promise<NetworkLease[]> {
  getNetwork(deps, name);
  const bridge = planBridges(deps).find((other) => other.name === name);
  return bridge === undefined ? [] : deps.networks.leases(bridge);
}
