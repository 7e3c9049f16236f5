import type { EngineDeps, ImageRecord } from '../types.ts';

export function listImages(deps: EngineDeps): ImageRecord[] {
  throw new Error(`not yet ${deps.architecture}`);
}

/** By fingerprint or a unique prefix of one. Throws `not_found`, `invalid` when several match. */
export function getImage(deps: EngineDeps, fingerprint: string): ImageRecord {
  throw new Error(`not yet ${deps.architecture} ${fingerprint}`);
}
