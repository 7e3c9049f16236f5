import { isProjectName, nameIn, nameWithout } from '../../base/names.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { fixedFeatures, projectFeatures } from '../../contract/config/project-keys.ts';
import { dropEmpty, validateConfig } from '../../contract/config/validate.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, ProjectRecord } from '../types.ts';
import { parseBool } from '../../contract/config/values.ts';
import { listProfiles } from '../profiles/list.ts';
import { listImages } from '../images/list.ts';
import { hasFeature } from './features.ts';
import { checkNewLimits } from './limits.ts';
import { getProject, instancesOf } from './list.ts';
import { listVolumes } from '../volumes/list.ts';

const profiles = 'features.profiles';

export interface CreateProjectInput {
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
}

/** Throws `exists`, `invalid`. */
export function createProject(deps: EngineDeps, input: CreateProjectInput): ProjectRecord {
  const { name } = input;
  const config = checkConfig('create the project', name, input.config, nameIssues(name));
  const created = deps.store.transaction(() => {
    const project = deps.store.projects.insert({ ...input, config });
    followFeatures(deps, project);
    return project;
  });
  tell(deps, 'created', name);
  return created;
}

export interface UpdateProjectInput {
  readonly name: string;
  readonly description?: string | undefined;
  readonly config?: StringMap | undefined;
  /** Called with the present record; throws `stale` for a wrong ETag. */
  readonly check?: ((current: ProjectRecord) => void) | undefined;
}

/**
 * What is undefined stays. Throws `invalid`, `forbidden` for limits below what its machines have.
 */
export function updateProject(deps: EngineDeps, input: UpdateProjectInput): void {
  const { name } = input;
  const what = `change the project ${name}`;
  deps.store.transaction(() => {
    const current = getProject(deps, name);
    input.check?.(current);
    const config =
      input.config === undefined ? current.config : checkConfig(what, name, input.config, []);
    checkNewLimits(deps, what, name, config);
    const description = input.description ?? current.description;
    const next = { name, config };
    if (projectFeatures.some((one) => hasFeature(next, one) !== hasFeature(current, one))) {
      refuseUsed(deps, name);
    }
    deps.store.projects.set(current.id, { description, config });
    followFeatures(deps, next);
  });
  tell(deps, 'updated', name);
}

/**
 * Renames an empty project, as in LXD: the names of what one has contain its own. Throws `in_use`.
 */
export function renameProject(deps: EngineDeps, name: string, newName: string): void {
  const what = `rename the project ${name}`;
  const issues = nameIssues(newName);
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
  deps.store.transaction(() => {
    const project = getProject(deps, name);
    refuseChange(deps, what, name);
    deps.store.projects.rename(project.id, newName);
    const own = deps.store.profiles.find(nameIn(name, 'default'));
    if (own !== undefined) deps.store.profiles.rename(own.id, nameIn(newName, 'default'));
  });
  tell(deps, 'renamed', newName);
}

/**
 * Throws `in_use` while it has machines, images, profiles or volumes, `forbidden` for `default`.
 */
export function deleteProject(deps: EngineDeps, name: string): void {
  deps.store.reclaim(() => {
    const project = getProject(deps, name);
    refuseChange(deps, `delete the project ${name}`, name);
    deps.store.projects.delete(project.id);
    followFeatures(deps, { name, config: {} });
  });
  tell(deps, 'deleted', name);
}

/** What a project with profiles of its own always has, which nothing else can have made. */
function followFeatures(deps: EngineDeps, project: Pick<ProjectRecord, 'name' | 'config'>): void {
  if (project.name === 'default') return;
  const name = nameIn(project.name, 'default');
  const own = deps.store.profiles.find(name);
  if (!hasFeature(project, profiles)) {
    if (own !== undefined) deps.store.profiles.delete(own.id);
  } else if (own === undefined) {
    const description = `Default profile of the project ${project.name}`;
    deps.store.profiles.insert({ name, description, config: {}, devices: {} });
  }
}

function refuseChange(deps: EngineDeps, what: string, name: string): void {
  if (name === 'default') throw new WarrenError('forbidden', { what, why: 'it is always there' });
  refuseUsed(deps, name);
}

/** Throws `in_use` for a project that has anything but the default profile. */
function refuseUsed(deps: EngineDeps, name: string): void {
  // Those that are still being made as well.
  const prefix = `${name}_`;
  const making = deps.store.instances.list().filter((record) => record.name.startsWith(prefix));
  const own = listProfiles(deps, name)
    .map((profile) => nameWithout(profile.name))
    .filter((profile) => profile !== 'default')
    .map((profile) => `profile ${profile}`);
  own.push(...listImages(deps, name).map((image) => `image ${image.fingerprint.slice(0, 12)}`));
  own.push(...listVolumes(deps, name).map((volume) => `volume ${nameWithout(volume.name)}`));
  const isGettingImage = deps.live.imagesUnderWay.has(name);
  if (making.length + own.length === 0 && !isGettingImage) return;
  const machines = instancesOf(deps, name).map((record) => record.name.slice(prefix.length));
  const users = [...machines, ...own];
  throw new WarrenError('in_use', {
    kind: 'project',
    name,
    users:
      users.length > 0
        ? users
        : [`${isGettingImage ? 'an image' : 'a machine'} that is being made`],
  });
}

/** The config to be stored: without features that are what they are. */
function checkConfig(
  what: string,
  name: string,
  given: StringMap,
  issues: readonly Issue[],
): StringMap {
  const fixed = fixedFeatures(name);
  const isDefault = name === 'default';
  const config = Object.fromEntries(
    Object.entries(dropEmpty(given)).filter(
      ([key, value]) => fixed[key] !== value && !(isDefault && isFeature(key)),
    ),
  );
  const problem = 'what the default project has is what the others share';
  const taken = projectFeatures
    .filter((one) => isDefault && parseBool(given[one] ?? 'true') !== true)
    .map((one) => ({ path: `config.${one}`, problem }));
  const all = [...issues, ...taken, ...validateConfig(config, 'project')];
  if (all.length > 0) throw new WarrenError('invalid', { what, issues: all });
  return config;
}

function isFeature(key: string): boolean {
  return projectFeatures.some((feature) => feature === key);
}

function nameIssues(name: string): Issue[] {
  if (isProjectName(name)) return [];
  const problem = `${JSON.stringify(name.slice(0, 80))} is no name, wanted 1 to 24 letters, digits and dashes`;
  return [{ path: 'name', problem }];
}

function tell(deps: EngineDeps, happened: string, name: string): void {
  const subject = { kind: 'project', name } as const;
  deps.events.lifecycle({ action: `project-${happened}`, subject, context: {} });
}
