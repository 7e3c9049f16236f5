import type { LayerId, OwnerRange } from '../storage/types.ts';
import type { LayerRecord } from '../store/records.ts';
import type { EngineDeps } from './types.ts';

/**
 * Forgets and removes every layer that nothing stands on any more. A directory that cannot be
 * removed is logged; recovery tries again, since its row is gone.
 */
export async function removeUnusedLayers(deps: EngineDeps): Promise<void> {
  const unused = deps.store.reclaim(() => deps.store.layers.takeUnused(deps.live.heldLayers));
  for (const layer of unused) {
    try {
      await deps.storage.removeLayer(layer);
    } catch (error) {
      deps.log.warn({ err: error, layer }, 'a layer that nothing uses could not be removed');
    }
  }
}

/**
 * The same files for other ids: the layer itself when it has them, else a copy that exists, else a
 * new one. `keep` runs in the transaction that records a new copy and must make something stand on
 * it, or the next clean-up takes it away.
 */
export async function layerFor(
  deps: EngineDeps,
  layer: LayerId,
  owner: OwnerRange,
  keep: (layer: LayerId) => void,
  signal: AbortSignal,
): Promise<LayerId> {
  using _ = await deps.live.shifts.hold(`${layer} ${owner.start} ${owner.size}`);
  const original = deps.store.layers.find(layer);
  if (original === undefined) throw new Error(`layer ${layer} has no row`);
  const existing = findFor(deps, layer, owner);
  if (existing !== undefined) {
    deps.store.transaction(() => {
      keep(existing.id);
    });
    return existing.id;
  }
  const copy = await deps.storage.shiftLayer(layer, original.owner, owner, { signal });
  // Death here leaves a layer without a row, which recovery removes.
  deps.store.transaction(() => {
    deps.store.layers.insert({ id: copy, owner, shiftedFrom: layer });
    keep(copy);
  });
  return copy;
}

/**
 * A whole chain of layers for other ids, top first, each as `layerFor` says. `keep` gets the chain
 * as far as it is made, with originals where a copy is still to come: in one transaction when all
 * are there already, as for most copies of machines, otherwise once for each.
 */
export async function chainFor(
  deps: EngineDeps,
  chain: readonly LayerId[],
  owner: OwnerRange,
  keep: (chain: readonly LayerId[]) => void,
  signal: AbortSignal,
): Promise<readonly LayerId[]> {
  const present = deps.store.transaction(() => {
    const found = chain.flatMap((layer) => findFor(deps, layer, owner)?.id ?? []);
    if (found.length < chain.length) return undefined;
    keep(found);
    return found;
  });
  if (present !== undefined) return present;
  const layers = [...chain];
  for (const [index, layer] of chain.entries()) {
    const keepOne = (copy: LayerId): void => {
      layers[index] = copy;
      keep([...layers]);
    };
    await layerFor(deps, layer, owner, keepOne, signal);
  }
  return layers;
}

/** The layer itself when these ids are its own, or a copy of it that has them. */
function findFor(deps: EngineDeps, layer: LayerId, owner: OwnerRange): LayerRecord | undefined {
  const original = deps.store.layers.find(layer);
  if (original === undefined) throw new Error(`layer ${layer} has no row`);
  if (sameOwner(original.owner, owner)) return original;
  return deps.store.layers.findShifted(layer, owner) ?? findSibling(deps, original, owner);
}

/** What a copy for other ids was made from, or another copy of that. */
function findSibling(
  { store }: EngineDeps,
  { shiftedFrom }: LayerRecord,
  owner: OwnerRange,
): LayerRecord | undefined {
  const source = shiftedFrom === undefined ? undefined : store.layers.find(shiftedFrom);
  if (source === undefined) return undefined;
  return sameOwner(source.owner, owner) ? source : store.layers.findShifted(source.id, owner);
}

function sameOwner(a: OwnerRange, b: OwnerRange): boolean {
  return a.start === b.start && a.size === b.size;
}
