import type { EngineDeps, SnapshotRecord, WorkContext } from '../types.ts';

export interface CreateSnapshotInput {
  readonly instance: string;
  /** Undefined: the next free name of `snapshots.pattern`. */
  readonly name: string | undefined;
  /** Undefined: what `snapshots.expiry` says; null: never. */
  readonly expiresAtMs: number | null | undefined;
}

/**
 * Snapshots a machine: O(1) when stopped, a frozen copy when it runs.
 */
export async function createSnapshot(
  deps: EngineDeps,
  input: CreateSnapshotInput,
  context: WorkContext,
): Promise<SnapshotRecord> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${typeof input} ${context.signal.aborted}`),
  );
}
