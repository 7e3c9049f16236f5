import type { EngineDeps, ProfileRecord } from '../types.ts';

/** By name. */
export function listProfiles(deps: EngineDeps): ProfileRecord[] {
  throw new Error(`not yet ${deps.architecture}`);
}

/** Throws `not_found` with the nearest name. */
export function getProfile(deps: EngineDeps, name: string): ProfileRecord {
  throw new Error(`not yet ${deps.architecture} ${name}`);
}

/** Names of the machines that use it. */
export function usersOfProfile(deps: EngineDeps, name: string): string[] {
  throw new Error(`not yet ${deps.architecture} ${name}`);
}
