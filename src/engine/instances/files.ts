import type { GuestFiles } from '../../storage/types.ts';
import type { EngineDeps } from '../types.ts';

/**
 * Confined access to the files of a machine, running or stopped, for the time of `use`. A stopped
 * machine's root is mounted for it and unmounted afterwards; start and delete wait until then.
 */
export async function withInstanceFiles<T>(
  deps: EngineDeps,
  name: string,
  use: (files: GuestFiles) => Promise<T>,
): Promise<T> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${name} ${typeof use}`));
}
