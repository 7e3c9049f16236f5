import type { EngineDeps } from '../types.ts';

/** Throws `in_use`, `forbidden` for `default`. */
export function deleteProfile(deps: EngineDeps, name: string): void {
  throw new Error(`not yet ${deps.architecture} ${name}`);
}
