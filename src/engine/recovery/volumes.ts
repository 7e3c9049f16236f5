import type { EngineDeps } from '../types.ts';

/**
 * Crash points: a volume that was made, copied or restored and has no row yet; one whose row is
 * gone and whose directory is not. What was being given to other ids goes on when a machine wants
 * it.
 */
export async function removeStrayVolumes(deps: EngineDeps): Promise<void> {
  const known = new Set(deps.store.volumes.list().map(({ tree }) => tree));
  const present = new Set(await deps.storage.volumes.list());
  for (const tree of present) {
    if (known.has(tree)) continue;
    try {
      await deps.storage.volumes.remove(tree);
      deps.log.info({ tree }, 'files of a volume without a row were removed');
    } catch (error) {
      deps.log.warn({ err: error, tree }, 'files of a volume could not be removed');
    }
  }
  for (const tree of known) {
    if (!present.has(tree)) deps.log.error({ tree }, 'the files of a volume are missing on disk');
  }
}
