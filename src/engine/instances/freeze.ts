import type { EngineDeps, WorkContext } from '../types.ts';

export interface FreezeInstanceInput {
  readonly name: string;
}

/**
 * Freezes every process of a running machine. Throws `wrong_state` unless it runs.
 */
export async function freezeInstance(
  deps: EngineDeps,
  input: FreezeInstanceInput,
  context: WorkContext,
): Promise<void> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${typeof input} ${context.signal.aborted}`),
  );
}
