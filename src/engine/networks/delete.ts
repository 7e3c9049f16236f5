import type { EngineDeps } from '../types.ts';

/** Throws `in_use`. */
export async function deleteNetwork(deps: EngineDeps, name: string): Promise<void> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${name}`));
}
