import { WarrenError } from '../../contract/errors.ts';
import { chainFor, removeUnusedLayers } from '../layers.ts';
import type { EngineDeps, InstanceRecord, WorkContext } from '../types.ts';
import { copySnapshots, planCopyLocked, type CopyOrigin, type CopySource } from './copy.ts';
import { refuseLargeCopy } from './disk-use.ts';
import { endRun } from './end.ts';
import { expandInstance, getInstance } from './list.ts';
import { ownerOf } from './owner.ts';
import { emptyUpper } from './restoring.ts';
import { isRunning } from './state.ts';

export interface RefreshInstanceInput {
  /** The older copy. */
  readonly name: string;
  readonly source: CopySource;
}

/**
 * Brings a stopped copy up to date: its files become those of the source now, snapshots that the
 * source has no more go and those it has got since come. Its settings stay. Throws `wrong_state`
 * when it runs. What a death leaves is finished at the next use, or by refreshing again.
 */
export async function refreshInstance(
  deps: EngineDeps,
  { name, source }: RefreshInstanceInput,
  context: WorkContext,
): Promise<void> {
  const what = `refresh ${name}`;
  getInstance(deps, name);
  getInstance(deps, source.instance);
  if (name === source.instance) {
    const problem = 'a machine is no copy of itself';
    throw new WarrenError('invalid', { what, issues: [{ path: 'source.source', problem }] });
  }
  // Two that are refreshed from each other: the second is refused, and none waits for ever.
  using _ = await deps.live.locks.act(name, 'refresh');
  using _source = await deps.live.locks.act(source.instance, 'copy');
  const target = getInstance(deps, name);
  if (isRunning(deps, target)) {
    throw new WarrenError('wrong_state', {
      name,
      action: 'refresh',
      state: 'running',
      wanted: 'stopped',
      hint: `warren stop ${name}`,
    });
  }
  if (target.run !== undefined) await endRun(deps, target, undefined);
  await planCopyLocked(deps, source, context, async (origin) => {
    const beyond = { what, kept: source.instance, name };
    await refuseLargeCopy(deps, beyond, origin, expandInstance(deps, target).devices);
    await takeOver(deps, target, origin, context);
  });
  await removeUnusedLayers(deps);
  deps.events.lifecycle({
    action: 'instance-updated',
    subject: { kind: 'instance', name },
    context: {},
  });
}

async function takeOver(
  deps: EngineDeps,
  target: InstanceRecord,
  origin: CopyOrigin,
  { signal }: WorkContext,
): Promise<void> {
  await takeFiles(deps, target, origin, signal);
  if (origin.snapshotsOf !== undefined) {
    await copySnapshots(deps, origin.snapshotsOf, target, signal);
  }
}

async function takeFiles(
  deps: EngineDeps,
  target: InstanceRecord,
  origin: CopyOrigin,
  signal: AbortSignal,
): Promise<void> {
  const { store, storage, live } = deps;
  using held = live.heldLayers.hold();
  const layers = await chainFor(deps, origin.layers, ownerOf(target), held.add, signal);
  signal.throwIfAborted();
  await storage.unmountRoot(target.id);
  // The chain first: what a death leaves of the old files is emptied by whoever comes next.
  store.transaction(() => {
    store.instances.setLayers(target.id, layers);
    store.instances.mergeConfig(target.id, {
      'volatile.restoring': 'true',
      'volatile.apply_template': 'copy',
    });
    if (origin.snapshotsOf !== undefined) dropOldSnapshots(deps, origin.snapshotsOf, target);
  });
  await emptyUpper(deps, target);
}

/** Deletes the snapshots that the source lacks, or has another one of under the same name. */
function dropOldSnapshots({ store }: EngineDeps, sourceId: number, target: InstanceRecord): void {
  const times = new Map(store.snapshots.list(sourceId).map((one) => [one.name, one.createdAtMs]));
  for (const { id, name, createdAtMs } of store.snapshots.list(target.id)) {
    if (times.get(name) !== createdAtMs) store.snapshots.delete(id);
  }
}
