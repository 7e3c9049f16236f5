import type { EngineDeps, ImageAliasRecord } from '../types.ts';

/** By name. */
export function listAliases(deps: EngineDeps): ImageAliasRecord[] {
  throw new Error(`not yet ${deps.architecture}`);
}

/** Throws `not_found`. */
export function getAlias(deps: EngineDeps, name: string): ImageAliasRecord {
  throw new Error(`not yet ${deps.architecture} ${name}`);
}

/** `target` may be a fingerprint's prefix. Throws `exists`, `not_found`. */
export function createAlias(
  deps: EngineDeps,
  input: { readonly name: string; readonly description: string; readonly target: string },
): ImageAliasRecord {
  throw new Error(`not yet ${deps.architecture} ${input.name}`);
}

export function updateAlias(
  deps: EngineDeps,
  input: {
    readonly name: string;
    readonly description?: string | undefined;
    readonly target?: string | undefined;
  },
): ImageAliasRecord {
  throw new Error(`not yet ${deps.architecture} ${input.name}`);
}

export function renameAlias(deps: EngineDeps, name: string, newName: string): void {
  throw new Error(`not yet ${deps.architecture} ${name} ${newName}`);
}

export function deleteAlias(deps: EngineDeps, name: string): void {
  throw new Error(`not yet ${deps.architecture} ${name}`);
}
