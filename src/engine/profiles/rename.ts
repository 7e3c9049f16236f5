import type { EngineDeps } from '../types.ts';

/** `default` keeps its name: `forbidden`. Throws `exists`, `not_found`. */
export function renameProfile(deps: EngineDeps, name: string, newName: string): void {
  throw new Error(`not yet ${deps.architecture} ${name} ${newName}`);
}
