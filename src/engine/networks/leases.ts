import type { NetworkLease } from '../../contract/api/networks.ts';
import type { EngineDeps } from '../types.ts';

/** Static, dynamic and gateway addresses of a network. */
export async function listLeases(deps: EngineDeps, name: string): Promise<NetworkLease[]> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${name}`));
}
