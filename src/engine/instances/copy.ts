import { Revert } from '../../base/revert.ts';
import type { LayerId } from '../../storage/types.ts';
import { getSnapshot } from '../snapshots/list.ts';
import { measureSoon } from '../snapshots/measure.ts';
import type { EngineDeps, InstanceRecord, MetadataRecord, WorkContext } from '../types.ts';
import { chainFor, removeUnusedLayers } from '../layers.ts';
import { captureFiles } from './capture.ts';
import { getInstance } from './list.ts';
import { ownerOf } from './owner.ts';

/** What a copy takes over from its source. */
export interface CopyOrigin {
  readonly layers: readonly LayerId[];
  readonly profiles: readonly string[];
  readonly config: InstanceRecord['config'];
  readonly devices: InstanceRecord['devices'];
  readonly description: string;
  readonly described: MetadataRecord | undefined;
  /** Id of the machine whose snapshots come along. */
  readonly snapshotsOf: number | undefined;
  /** How long the source was frozen for it, in milliseconds, when it runs. */
  readonly frozenMs: number | undefined;
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
export async function planCopy<Made>(
  deps: EngineDeps,
  source: CopySource,
  context: WorkContext,
  make: (origin: CopyOrigin) => Promise<Made>,
): Promise<Made> {
  getInstance(deps, source.instance);
  using _ = await deps.live.locks.wait(source.instance);
  return await planCopyLocked(deps, source, context, make);
}

/** The same for a caller that holds the source's lock. */
export async function planCopyLocked<Made>(
  deps: EngineDeps,
  source: CopySource,
  { signal }: WorkContext,
  make: (origin: CopyOrigin) => Promise<Made>,
): Promise<Made> {
  const instance = getInstance(deps, source.instance);
  const described = deps.store.instanceTemplates.find(instance.id);
  if (source.snapshot !== undefined) {
    const snapshot = getSnapshot(deps, source.instance, source.snapshot);
    return await make({
      ...snapshot,
      config: inheritable(snapshot.config),
      profiles: snapshot.profiles.filter((name) => deps.store.profiles.find(name) !== undefined),
      described,
      snapshotsOf: undefined,
      frozenMs: undefined,
    });
  }
  await using undo = new Revert((what, error) => {
    deps.log.warn({ err: error, instance: instance.name, what }, 'a failed copy left something');
  });
  // Of a machine that runs, nothing but the copy stands on what was captured. Once it is held no
  // more:
  undo.push('remove layers that nothing uses', () => removeUnusedLayers(deps));
  using held = deps.live.heldLayers.hold();
  let layers: readonly LayerId[] = [];
  const frozenMs = await captureFiles(deps, instance, signal, (chain) => {
    layers = chain;
    held.add(chain);
  });
  const made = await make({
    ...instance,
    layers,
    config: inheritable(instance.config),
    described,
    snapshotsOf: source.instanceOnly ? undefined : instance.id,
    frozenMs,
  });
  undo.keep();
  return made;
}

/** Gives a machine the snapshots of the one it is a copy of that it has not, for its own ids. */
export async function copySnapshots(
  deps: EngineDeps,
  sourceId: number,
  target: InstanceRecord,
  signal: AbortSignal,
): Promise<void> {
  const owner = ownerOf(target);
  const present = new Set(deps.store.snapshots.list(target.id).map(({ name }) => name));
  for (const snapshot of deps.store.snapshots.list(sourceId)) {
    if (present.has(snapshot.name)) continue;
    using held = deps.live.heldLayers.hold();
    const layers = await chainFor(deps, snapshot.layers, owner, held.add, signal);
    const copied = deps.store.transaction(() =>
      deps.store.snapshots.insert({
        ...snapshot,
        // Restored, it must not pass for the machine it came from.
        config: { ...snapshot.config, 'volatile.apply_template': 'copy' },
        instanceId: target.id,
        layers,
      }),
    );
    measureSoon(deps, copied);
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
