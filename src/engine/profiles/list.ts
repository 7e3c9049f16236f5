import { nearestName } from '../../base/text.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, ProfileRecord } from '../types.ts';

/** By name. */
export function listProfiles(deps: Pick<EngineDeps, 'store'>): ProfileRecord[] {
  return deps.store.profiles.list();
}

/** Throws `not_found` with the nearest name. */
export function getProfile(deps: Pick<EngineDeps, 'store'>, name: string): ProfileRecord {
  const profile = deps.store.profiles.find(name);
  if (profile !== undefined) return profile;
  const names = listProfiles(deps).map((other) => other.name);
  throw new WarrenError('not_found', { kind: 'profile', name, nearest: nearestName(name, names) });
}

/** Names of the machines that use it. */
export function usersOfProfile(deps: Pick<EngineDeps, 'store'>, name: string): string[] {
  return deps.store.instances.namesUsingProfile(name);
}
