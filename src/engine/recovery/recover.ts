import type { EngineDeps } from '../types.ts';

/**
 * Brings what is on disk, in the kernel and in the database to agree after any death: of a daemon,
 * of the keeper, of the host. Runs before the first request is served; idempotent. Throws only when
 * the database cannot be read; what cannot be mended is logged.
 */
export async function recover(deps: EngineDeps): Promise<void> {
  return Promise.reject(new Error(`not yet ${deps.architecture}`));
}
