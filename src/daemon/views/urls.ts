import type { ImageRecord } from '../../engine/types.ts';
import { nameWithout, ownNameOf, projectOf, projectWith } from '../../base/names.ts';

/**
 * The URL of a machine, or of what follows it there, with its project where that is no matter of
 * course.
 */
export function instanceUrl(machine: string, rest = '', tree = 'instances'): string {
  const path = `/1.0/${tree}/${encodeURIComponent(ownNameOf(machine))}${rest}`;
  return withProject(path, projectOf(machine));
}

/** The URL of a profile, with its project where that has its own ones. */
export function profileUrl(profile: string): string {
  const path = `/1.0/profiles/${encodeURIComponent(nameWithout(profile))}`;
  return withProject(path, projectWith(profile));
}

/** The URL of an image, with its project where that has its own ones. */
export function imageUrl({
  project,
  fingerprint,
}: Pick<ImageRecord, 'project' | 'fingerprint'>): string {
  return withProject(`/1.0/images/${fingerprint}`, project);
}

export function imageAliasUrl(project: string, name: string): string {
  return withProject(`/1.0/images/aliases/${encodeURIComponent(name)}`, project);
}

export function withProject(path: string, project: string): string {
  return project === 'default' ? path : `${path}?project=${encodeURIComponent(project)}`;
}
