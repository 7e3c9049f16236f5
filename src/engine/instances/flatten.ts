import type { LayerId } from '../../storage/types.ts';
import { removeUnusedLayers } from '../layers.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';
import { ownerOf } from './owner.ts';

/** Lookups of names that are not there go through every layer, so fewer than a mount could take. */
const longest = 128;
/** What may come onto a chain before it is looked at again. */
const room = 8;

/**
 * Gives a stopped machine whose chain has reached its bound one of two layers that shows the same:
 * its files are copied once, and its snapshots keep the layers they stand on. Call it under the
 * machine's lock. Death in between leaves a layer without a row, or rows that nothing stands on,
 * which recovery removes.
 */
export async function flattenLong(
  deps: EngineDeps,
  record: InstanceRecord,
  signal: AbortSignal,
): Promise<InstanceRecord> {
  const { layers } = record;
  if (layers.length < Math.min(longest, deps.storage.maxLayers - room)) return record;
  const owner = ownerOf(record);
  const chain: readonly LayerId[] = await deps.storage.flatten(owner, layers, { signal });
  const [merged = ''] = chain;
  try {
    deps.store.transaction(() => {
      deps.store.layers.insert({ id: merged, owner, shiftedFrom: undefined });
      deps.store.instances.setLayers(record.id, chain);
    });
  } catch (error) {
    await deps.storage.removeLayer(merged);
    throw error;
  }
  deps.log.info(
    { instance: record.name, layers: layers.length },
    'a chain of layers was flattened',
  );
  await removeUnusedLayers(deps);
  return { ...record, layers: chain };
}
