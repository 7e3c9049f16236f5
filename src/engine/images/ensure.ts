import type { EngineDeps, ImageRecord, WorkContext } from '../types.ts';

/**
 * The image for a reference a person typed: local alias, else fingerprint prefix, else a recipe that
 * is built now (once, however many ask) and cached under its alias. Throws `not_found` with the
 * nearest alias.
 */
export async function ensureImage(
  deps: EngineDeps,
  reference: string,
  context: WorkContext,
): Promise<ImageRecord> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${reference} ${context.signal.aborted}`),
  );
}
