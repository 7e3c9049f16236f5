import { projectWith } from '../../base/names.ts';
import { nearestName } from '../../base/text.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, ProfileRecord } from '../types.ts';

/** By name; those of every project, or what `project` has of its own. */
export function listProfiles(deps: Pick<EngineDeps, 'store'>, project?: string): ProfileRecord[] {
  const all = deps.store.profiles.list();
  return project === undefined ? all : all.filter(({ name }) => projectWith(name) === project);
}

/** Throws `not_found` with the nearest name. */
export function getProfile(deps: Pick<EngineDeps, 'store'>, name: string): ProfileRecord {
  const profile = deps.store.profiles.find(name);
  if (profile !== undefined) return profile;
  const names = listProfiles(deps, projectWith(name)).map((other) => other.name);
  throw new WarrenError('not_found', { kind: 'profile', name, nearest: nearestName(name, names) });
}

/** Names of the machines that use it. */
export function usersOfProfile(deps: Pick<EngineDeps, 'store'>, name: string): string[] {
  return deps.store.instances.namesUsingProfile(name);
}
