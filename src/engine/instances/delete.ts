import type { EngineDeps, WorkContext } from '../types.ts';

export interface DeleteInstanceInput {
  readonly name: string;
  /** A running machine is killed first; without it, it is `wrong_state`. */
  readonly force: boolean;
}

/**
 * Removes a machine with its snapshots. Throws `protected` when `security.protection.delete` holds.
 */
export async function deleteInstance(
  deps: EngineDeps,
  input: DeleteInstanceInput,
  context: WorkContext,
): Promise<void> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${typeof input} ${context.signal.aborted}`),
  );
}
