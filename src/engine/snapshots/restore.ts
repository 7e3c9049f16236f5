import type { EngineDeps, WorkContext } from '../types.ts';

export interface RestoreSnapshotInput {
  readonly instance: string;
  readonly name: string;
}

/**
 * Puts a machine back to a snapshot, files and configuration; a running one is stopped before and started after.
 */
export async function restoreSnapshot(
  deps: EngineDeps,
  input: RestoreSnapshotInput,
  context: WorkContext,
): Promise<void> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${typeof input} ${context.signal.aborted}`),
  );
}
