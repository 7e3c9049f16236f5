import type { EngineDeps, WorkContext } from '../types.ts';

export interface RestartInstanceInput {
  readonly name: string;
  readonly force: boolean;
  readonly timeoutMs: number | undefined;
}

/**
 * Stops and starts a machine under one lock; an ephemeral machine survives it.
 */
export async function restartInstance(
  deps: EngineDeps,
  input: RestartInstanceInput,
  context: WorkContext,
): Promise<void> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${typeof input} ${context.signal.aborted}`),
  );
}
