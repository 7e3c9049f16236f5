import type { EngineDeps, WorkContext } from '../types.ts';

export interface DeleteSnapshotInput {
  readonly instance: string;
  readonly name: string;
}

/**
 * Removes a snapshot; its layers go when nothing else uses them.
 */
export async function deleteSnapshot(
  deps: EngineDeps,
  input: DeleteSnapshotInput,
  context: WorkContext,
): Promise<void> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${typeof input} ${context.signal.aborted}`),
  );
}
