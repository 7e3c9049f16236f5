import { nearestName } from '../../base/text.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, ImageRecord } from '../types.ts';

/** Oldest first. */
export function listImages(deps: Pick<EngineDeps, 'store'>): ImageRecord[] {
  return deps.store.images.list();
}

/** By fingerprint or a unique prefix of one. Throws `not_found`, `invalid` when several match. */
export function getImage(deps: Pick<EngineDeps, 'store'>, fingerprint: string): ImageRecord {
  const image = findImage(deps, fingerprint);
  if (image !== undefined) return image;
  throw new WarrenError('not_found', { kind: 'image', name: fingerprint });
}

/** The same, and undefined when none matches. */
export function findImage(
  deps: Pick<EngineDeps, 'store'>,
  fingerprint: string,
): ImageRecord | undefined {
  if (!/^[0-9a-f]{1,64}$/.test(fingerprint)) return undefined;
  const [first, second] = deps.store.images.findByPrefix(fingerprint);
  if (second !== undefined) {
    const problem = `several images begin with ${fingerprint}, wanted more of the fingerprint`;
    throw new WarrenError('invalid', {
      what: 'choose an image',
      issues: [{ path: 'fingerprint', problem }],
    });
  }
  return first;
}

/** By alias, else by fingerprint. Throws `not_found` with the nearest alias. */
export function getImageByReference(
  deps: Pick<EngineDeps, 'store'>,
  reference: string,
): ImageRecord {
  const alias = deps.store.aliases.find(reference);
  const image = findImage(deps, alias?.fingerprint ?? reference);
  if (image !== undefined) return image;
  const names = deps.store.aliases.list().map(({ name }) => name);
  throw new WarrenError('not_found', {
    kind: 'image',
    name: reference,
    nearest: nearestName(reference, names),
  });
}
