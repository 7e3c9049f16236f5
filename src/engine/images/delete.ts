import type { EngineDeps, WorkContext } from '../types.ts';

export interface DeleteImageInput {
  /** Whole fingerprint. */
  readonly fingerprint: string;
}

/**
 * Removes an image and its files. Machines made from it keep their layers.
 */
export async function deleteImage(
  deps: EngineDeps,
  input: DeleteImageInput,
  context: WorkContext,
): Promise<void> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${typeof input} ${context.signal.aborted}`),
  );
}
