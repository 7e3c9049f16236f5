import type { EngineDeps, WorkContext } from '../types.ts';

export interface StartInstanceInput {
  readonly name: string;
}

/**
 * Starts a stopped machine and returns once its init was started; see DESIGN section 4 for the order.
 * Fails before anything is made when a limit cannot be held. Throws `wrong_state` when it runs.
 */
export async function startInstance(
  deps: EngineDeps,
  input: StartInstanceInput,
  context: WorkContext,
): Promise<void> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${typeof input} ${context.signal.aborted}`),
  );
}
