import type { LayerId } from '../../storage/types.ts';
import { getSnapshot } from '../snapshots/list.ts';
import type { EngineDeps, InstanceRecord, WorkContext } from '../types.ts';
import { layerFor } from '../layers.ts';
import { captureInstance } from './capture.ts';
import { getInstance } from './list.ts';
import { ownerOf } from './owner.ts';

/** What a copy takes over from its source. */
export interface CopyOrigin {
  readonly layers: readonly LayerId[];
  readonly profiles: readonly string[];
  readonly config: InstanceRecord['config'];
  readonly devices: InstanceRecord['devices'];
  readonly description: string;
  /** Id of the machine whose snapshots come along. */
  readonly snapshotsOf: number | undefined;
}

export interface CopySource {
  readonly instance: string;
  readonly snapshot?: string | undefined;
  readonly instanceOnly: boolean;
}

/** What was made, and how long it froze a source that runs. */
export interface MadeInstance extends InstanceRecord {
  /** Milliseconds; undefined when nothing was frozen for it. */
  readonly frozenMs?: number | undefined;
}

/**
 * Finds or makes the layers of the source and lets `make` stand the new machine on them, while the
 * source can neither change nor go. The source's snapshots come along unless `instanceOnly`.
 */
export async function planCopy(
  deps: EngineDeps,
  source: CopySource,
  { signal }: WorkContext,
  make: (origin: CopyOrigin) => Promise<InstanceRecord>,
): Promise<MadeInstance> {
  getInstance(deps, source.instance);
  using _ = await deps.live.locks.wait(source.instance);
  const instance = getInstance(deps, source.instance);
  if (source.snapshot !== undefined) {
    const snapshot = getSnapshot(deps, source.instance, source.snapshot);
    return await make({
      ...snapshot,
      config: inheritable(snapshot.config),
      profiles: snapshot.profiles.filter((name) => deps.store.profiles.find(name) !== undefined),
      snapshotsOf: undefined,
    });
  }
  let layers: readonly LayerId[] = [];
  try {
    const frozenMs = await captureInstance(deps, instance, signal, (chain) => {
      layers = chain;
      for (const layer of chain) deps.live.heldLayers.add(layer);
    });
    const withSnapshots = source.instanceOnly ? undefined : instance.id;
    const made = await make({
      ...instance,
      layers,
      config: inheritable(instance.config),
      snapshotsOf: withSnapshots,
    });
    return { ...made, frozenMs };
  } finally {
    for (const layer of layers) deps.live.heldLayers.delete(layer);
  }
}

/** Gives a new machine the snapshots of the one it is a copy of, for its own ids. */
export async function copySnapshots(
  deps: EngineDeps,
  sourceId: number,
  target: InstanceRecord,
  signal: AbortSignal,
): Promise<void> {
  const owner = ownerOf(target);
  for (const snapshot of deps.store.snapshots.list(sourceId)) {
    const held: LayerId[] = [];
    try {
      const layers: LayerId[] = [];
      for (const layer of snapshot.layers) {
        const keep = (copy: LayerId): void => {
          held.push(copy);
          deps.live.heldLayers.add(copy);
        };
        layers.push(await layerFor(deps, layer, owner, keep, signal));
      }
      deps.store.transaction(() =>
        deps.store.snapshots.insert({
          ...snapshot,
          // Restored, it must not pass for the machine it came from.
          config: { ...snapshot.config, 'volatile.apply_template': 'copy' },
          instanceId: target.id,
          layers,
        }),
      );
    } finally {
      for (const layer of held) deps.live.heldLayers.delete(layer);
    }
  }
}

/** What is true of the source alone does not go over. */
function inheritable(config: InstanceRecord['config']): InstanceRecord['config'] {
  return Object.fromEntries(
    Object.entries(config).filter(
      ([key]) => !key.startsWith('volatile.') || key === 'volatile.base_image',
    ),
  );
}
