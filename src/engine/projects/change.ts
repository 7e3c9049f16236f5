import { isProjectName } from '../../base/names.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { projectFeatures } from '../../contract/config/project-keys.ts';
import { dropEmpty, validateConfig } from '../../contract/config/validate.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, ProjectRecord } from '../types.ts';
import { checkNewLimits } from './limits.ts';
import { getProject, instancesOf } from './list.ts';

export interface CreateProjectInput {
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
}

/** Throws `exists`, `invalid`. */
export function createProject(deps: EngineDeps, input: CreateProjectInput): ProjectRecord {
  const { name } = input;
  const config = checkConfig('create the project', name, input.config, nameIssues(name));
  const created = deps.store.transaction(() => deps.store.projects.insert({ ...input, config }));
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

/** What is undefined stays. Throws `invalid`, `forbidden` for limits below what its machines have. */
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
    deps.store.projects.set(current.id, { description, config });
  });
  tell(deps, 'updated', name);
}

/** Of one without machines, as in LXD: their names have the project's in them. Throws `in_use`. */
export function renameProject(deps: EngineDeps, name: string, newName: string): void {
  const what = `rename the project ${name}`;
  const issues = nameIssues(newName);
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
  deps.store.transaction(() => {
    const project = getProject(deps, name);
    refuseChange(deps, what, name);
    deps.store.projects.rename(project.id, newName);
  });
  tell(deps, 'renamed', newName);
}

/** Throws `in_use` while it has machines, `forbidden` for `default`. */
export function deleteProject(deps: EngineDeps, name: string): void {
  deps.store.reclaim(() => {
    const project = getProject(deps, name);
    refuseChange(deps, `delete the project ${name}`, name);
    deps.store.projects.delete(project.id);
  });
  tell(deps, 'deleted', name);
}

function refuseChange(deps: EngineDeps, what: string, name: string): void {
  if (name === 'default') throw new WarrenError('forbidden', { what, why: 'it is always there' });
  // Those that are still being made as well.
  const prefix = `${name}_`;
  const making = deps.store.instances.list().filter((record) => record.name.startsWith(prefix));
  if (making.length === 0) return;
  const users = instancesOf(deps, name).map((record) => record.name.slice(prefix.length));
  throw new WarrenError('in_use', {
    kind: 'project',
    name,
    users: users.length > 0 ? users : ['a machine that is being made'],
  });
}

/** The config to be stored: without the features, which are what they are. */
function checkConfig(
  what: string,
  name: string,
  given: StringMap,
  issues: readonly Issue[],
): StringMap {
  const features = projectFeatures(name);
  const config = Object.fromEntries(
    Object.entries(dropEmpty(given)).filter(([key, value]) => features[key] !== value),
  );
  const all = [...issues, ...validateConfig(config, 'project')];
  if (all.length > 0) throw new WarrenError('invalid', { what, issues: all });
  return config;
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
