import type { EngineDeps, WorkContext } from '../types.ts';

export interface UnfreezeInstanceInput {
  readonly name: string;
}

/**
 * Thaws a frozen machine. Throws `wrong_state` unless it is frozen.
 */
export async function unfreezeInstance(
  deps: EngineDeps,
  input: UnfreezeInstanceInput,
  context: WorkContext,
): Promise<void> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${typeof input} ${context.signal.aborted}`),
  );
}
