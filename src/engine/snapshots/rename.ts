import type { EngineDeps, WorkContext } from '../types.ts';

export interface RenameSnapshotInput {
  readonly instance: string;
  readonly name: string;
  readonly newName: string;
}

/**
 * Renames a snapshot.
 */
export async function renameSnapshot(
  deps: EngineDeps,
  input: RenameSnapshotInput,
  context: WorkContext,
): Promise<void> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${typeof input} ${context.signal.aborted}`),
  );
}
