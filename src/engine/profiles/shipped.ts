import type { EngineDeps } from '../types.ts';

/**
 * Loads the profiles that ship with warren. `missing` (at start): only those that were never
 * loaded; `all` (asked for): every one, over what is there. Returns the names it wrote.
 */
export async function loadShippedProfiles(
  deps: EngineDeps,
  which: 'missing' | 'all',
): Promise<string[]> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${which}`));
}
