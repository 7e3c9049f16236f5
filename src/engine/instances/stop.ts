import type { EngineDeps, WorkContext } from '../types.ts';

export interface StopInstanceInput {
  readonly name: string;
  /** Kills at once. */
  readonly force: boolean;
  /** How long to wait for init; undefined: as long as warren thinks fit. Then `timeout` is thrown. */
  readonly timeoutMs: number | undefined;
}

/**
 * Shuts a machine down and returns once nothing of it runs any more and its mounts are gone. A
 * forced stop overtakes a gentle one that is under way. An ephemeral machine is deleted.
 */
export async function stopInstance(
  deps: EngineDeps,
  input: StopInstanceInput,
  context: WorkContext,
): Promise<void> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${typeof input} ${context.signal.aborted}`),
  );
}
