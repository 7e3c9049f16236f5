import { projectOf } from '../../base/names.ts';
import { nearestName } from '../../base/text.ts';
import { WarrenError } from '../../contract/errors.ts';
import { listInstances } from '../instances/list.ts';
import type { EngineDeps, InstanceRecord, ProjectRecord } from '../types.ts';

/** By name; `default` is always among them. */
export function listProjects(deps: Pick<EngineDeps, 'store'>): ProjectRecord[] {
  return deps.store.projects.list();
}

/** Throws `not_found` with the nearest name. */
export function getProject(deps: Pick<EngineDeps, 'store'>, name: string): ProjectRecord {
  const project = deps.store.projects.find(name);
  if (project !== undefined) return project;
  const names = listProjects(deps).map((other) => other.name);
  throw new WarrenError('not_found', { kind: 'project', name, nearest: nearestName(name, names) });
}

/** The machines of a project. */
export function instancesOf(deps: Pick<EngineDeps, 'store'>, project: string): InstanceRecord[] {
  return listInstances(deps).filter(({ name }) => projectOf(name) === project);
}
