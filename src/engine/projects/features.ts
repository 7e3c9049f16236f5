import { nameIn, nameWithout, projectOf, projectWith } from '../../base/names.ts';
import { parseBool } from '../../contract/config/values.ts';
import type { ProjectFeature } from '../../contract/config/project-keys.ts';
import type { EngineDeps, ProjectRecord } from '../types.ts';

/** Whether a project has its own of something; `default` has its own of everything. */
export function hasFeature(
  { name, config }: Pick<ProjectRecord, 'name' | 'config'>,
  feature: ProjectFeature,
): boolean {
  return name === 'default' || parseBool(config[feature] ?? 'false') === true;
}

/** The project whose profiles, say, those of a project are: itself or `default`. */
export function ownerOfFeature(
  { store }: Pick<EngineDeps, 'store'>,
  project: string,
  feature: ProjectFeature,
): string {
  const record = store.projects.find(project);
  return record !== undefined && hasFeature(record, feature) ? project : 'default';
}

/** Profiles that a machine is to have, by their own names, as the engine knows them. */
export function profilesFor(
  deps: Pick<EngineDeps, 'store'>,
  machine: string,
  names: readonly string[],
): string[] {
  const owner = ownerOfFeature(deps, projectOf(machine), 'features.profiles');
  return names.map((name) => nameIn(owner, name));
}

/**
 * Those of the same names that a machine of another project can have, or the machine had elsewhere.
 */
export function sameProfilesFor(
  deps: Pick<EngineDeps, 'store'>,
  machine: string,
  profiles: readonly string[],
): string[] {
  return profilesFor(deps, machine, profiles.map(nameWithout));
}

/** The project whose images a machine can be made of. */
export function imagesFor(deps: Pick<EngineDeps, 'store'>, machine: string): string {
  return ownerOfFeature(deps, projectOf(machine), 'features.images');
}

/** The engine's name of the storage volume that a machine's device calls `name`. */
export function volumeFor(deps: Pick<EngineDeps, 'store'>, machine: string, name: string): string {
  return nameIn(ownerOfFeature(deps, projectOf(machine), 'features.storage.volumes'), name);
}

/** The same for a profile's device. */
export function volumeForProfile(
  deps: Pick<EngineDeps, 'store'>,
  profile: string,
  name: string,
): string {
  return nameIn(ownerOfFeature(deps, projectWith(profile), 'features.storage.volumes'), name);
}
