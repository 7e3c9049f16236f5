import type { EngineDeps, NetworkRecord } from '../types.ts';

/** By name. */
export function listNetworks(deps: EngineDeps): NetworkRecord[] {
  throw new Error(`not yet ${deps.architecture}`);
}

/** Throws `not_found` with the nearest name. */
export function getNetwork(deps: EngineDeps, name: string): NetworkRecord {
  throw new Error(`not yet ${deps.architecture} ${name}`);
}

/** Names of the machines and profiles whose nics are on it. */
export function usersOfNetwork(
  deps: EngineDeps,
  name: string,
): { readonly instances: string[]; readonly profiles: string[] } {
  throw new Error(`not yet ${deps.architecture} ${name}`);
}
