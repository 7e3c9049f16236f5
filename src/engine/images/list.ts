import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, ImageRecord } from '../types.ts';

/** Oldest first; those of every project, or what `project` has of its own. */
export function listImages(deps: Pick<EngineDeps, 'store'>, project?: string): ImageRecord[] {
  return deps.store.images.list(project);
}

/**
 * By fingerprint or a prefix of one that is unique in its project. Throws `not_found`, `invalid`
 * when several match.
 */
export function getImage(
  deps: Pick<EngineDeps, 'store'>,
  project: string,
  fingerprint: string,
): ImageRecord {
  const image = findImage(deps, project, fingerprint);
  if (image !== undefined) return image;
  throw new WarrenError('not_found', { kind: 'image', name: fingerprint });
}

/** The same, and undefined when none matches. */
export function findImage(
  deps: Pick<EngineDeps, 'store'>,
  project: string,
  fingerprint: string,
): ImageRecord | undefined {
  if (!/^[0-9a-f]{1,64}$/.test(fingerprint)) return undefined;
  const [first, second] = deps.store.images.findByPrefix(project, fingerprint);
  if (second !== undefined) {
    const problem = `several images begin with ${fingerprint}, wanted more of the fingerprint`;
    throw new WarrenError('invalid', {
      what: 'choose an image',
      issues: [{ path: 'fingerprint', problem }],
    });
  }
  return first;
}
