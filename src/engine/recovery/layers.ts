import { readdir, rm } from 'node:fs/promises';

import { removeUnusedLayers } from '../layers.ts';
import type { EngineDeps } from '../types.ts';

/**
 * Crash points: a layer that was being staged, unpacked, built or shifted; one that was committed
 * and has no row yet; one whose row is gone and whose directory is not; a stopped machine's
 * directory that was frozen and not recorded.
 */
export async function removeStrayLayers(deps: EngineDeps): Promise<void> {
  await deps.storage.sweepStaging();
  const known = new Set(deps.store.layers.list().map(({ id }) => id));
  const { mended, left } = await deps.storage.undoUnrecordedFreezes(known);
  if (mended.length > 0) deps.log.info({ instances: mended }, 'unfinished snapshots were undone');
  const present = new Set(await deps.storage.listLayers());
  for (const layer of present) {
    if (known.has(layer) || left.includes(layer)) continue;
    try {
      await deps.storage.removeLayer(layer);
      deps.log.info({ layer }, 'a layer without a row was removed');
    } catch (error) {
      deps.log.warn({ err: error, layer }, 'a layer without a row could not be removed');
    }
  }
  for (const layer of known) {
    if (!present.has(layer)) deps.log.error({ layer }, 'a layer is missing on disk');
  }
}

/**
 * Crash point: deletion between the row of a machine and its directories, or the other way round.
 */
export async function removeStrayUppers(deps: EngineDeps): Promise<void> {
  const ids = new Set(deps.store.instances.list().map(({ id }) => id));
  for (const id of await deps.storage.listUppers()) {
    if (!ids.has(id)) await deps.storage.removeUpper(id);
  }
  for (const file of await readdir(deps.paths.logDir).catch(() => [])) {
    const id = /^console-(\d+)\.log$/.exec(file)?.[1];
    if (id !== undefined && !ids.has(Number(id))) {
      await rm(`${deps.paths.logDir}/${file}`, { force: true });
    }
  }
  deps.store.reclaim(() => {
    deps.store.slices.removeUnused();
  });
  await removeUnusedLayers(deps);
}
