import type { EngineDeps } from '../types.ts';

/** Throws `in_use`, `exists`, `not_found`. */
export async function renameNetwork(
  deps: EngineDeps,
  name: string,
  newName: string,
): Promise<void> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${name} ${newName}`));
}
