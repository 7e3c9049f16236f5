import type { EngineDeps, WorkContext } from '../types.ts';

export interface RenameInstanceInput {
  readonly name: string;
  readonly newName: string;
}

/**
 * Renames a stopped machine; its host name follows at the next start.
 */
export async function renameInstance(
  deps: EngineDeps,
  input: RenameInstanceInput,
  context: WorkContext,
): Promise<void> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${typeof input} ${context.signal.aborted}`),
  );
}
