import { isWarrenError, WarrenError } from '../../contract/errors.ts';
import type { LayerId } from '../../storage/types.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';
import { ownerOf } from './owner.ts';
import { flattenLong } from './flatten.ts';
import { finishRestore } from './restoring.ts';
import { isRunning } from './state.ts';
import { holdStill } from './still.ts';

/**
 * Makes a layer of what a machine has of its own now, and hands the whole chain to `record`, which
 * runs in the transaction that records the layer and must make something stand on it. A stopped
 * machine's directory becomes the layer (O(1)); a running one is frozen for as long as it is
 * copied. Call it under the machine's lock. Returns how long the machine was frozen for it, in
 * milliseconds, when it was.
 */
export async function captureInstance(
  deps: EngineDeps,
  given: InstanceRecord,
  signal: AbortSignal,
  record: (chain: readonly LayerId[]) => void,
): Promise<number | undefined> {
  const running = isRunning(deps, given);
  // What runs has its chain mounted, and does not grow it.
  const instance = running ? given : await flattenLong(deps, given, signal);
  const { layer, frozenMs } = running
    ? await copyRunning(deps, instance, signal)
    : { layer: await freezeStopped(deps, instance), frozenMs: undefined };
  const chain = [layer, ...instance.layers];
  // Death before this: recovery puts a frozen directory back, and removes a copy without a row.
  try {
    deps.store.transaction(() => {
      deps.store.layers.insert({ id: layer, owner: ownerOf(instance), shiftedFrom: undefined });
      if (!running) deps.store.instances.setLayers(instance.id, chain);
      record(chain);
    });
  } catch (error) {
    await undoCapture(deps, instance, running, layer);
    throw error;
  }
  if (!running) await deps.storage.keepFreeze(instance.id);
  return frozenMs;
}

/**
 * The chain that shows a machine's files as they are now, as `captureInstance` hands it over; but a
 * stopped machine that has written nothing since the last time has no further layer made for it. So
 * the thirtieth copy of a model machine stands on as few layers as the first.
 */
export async function captureFiles(
  deps: EngineDeps,
  instance: InstanceRecord,
  signal: AbortSignal,
  record: (chain: readonly LayerId[]) => void,
): Promise<number | undefined> {
  if (isRunning(deps, instance) || !(await isUntouched(deps, instance))) {
    return await captureInstance(deps, instance, signal, record);
  }
  deps.store.transaction(() => {
    record(instance.layers);
  });
  return undefined;
}

async function isUntouched(deps: EngineDeps, instance: InstanceRecord): Promise<boolean> {
  const [top] = instance.layers;
  if (top === undefined) return false;
  await finishRestore(deps, instance);
  await deps.storage.unmountRoot(instance.id);
  return await deps.storage.isUntouched(instance.id, top);
}

async function undoCapture(
  deps: EngineDeps,
  { id, name }: InstanceRecord,
  running: boolean,
  layer: LayerId,
): Promise<void> {
  try {
    if (running) await deps.storage.removeLayer(layer);
    else await deps.storage.undoFreeze(id, layer);
  } catch (error) {
    deps.log.error({ err: error, instance: name, layer }, 'a failed snapshot was not undone');
  }
}

async function freezeStopped(deps: EngineDeps, instance: InstanceRecord): Promise<LayerId> {
  await finishRestore(deps, instance);
  await deps.storage.unmountRoot(instance.id);
  return deps.storage.freezeUpper(instance.id, ownerOf(instance));
}

async function copyRunning(
  deps: EngineDeps,
  instance: InstanceRecord,
  signal: AbortSignal,
): Promise<{ readonly layer: LayerId; readonly frozenMs: number | undefined }> {
  await using still = await holdStill(deps, instance);
  let frozenMs: number | undefined;
  const copied = async (): Promise<void> => {
    frozenMs = await still.release();
  };
  try {
    const layer = await deps.storage.copyUpper(instance.id, { signal, copied });
    return { layer, frozenMs };
  } catch (error) {
    throw isWarrenError(error, 'hostile') ? onlyStopped(instance.name, error) : error;
  }
}

/** What cannot be copied can still be frozen where it lies. */
function onlyStopped(name: string, cause: WarrenError<'hostile'>): WarrenError {
  const what = `copy what ${name} has written while it runs`;
  const hint = `warren stop ${name}    (then it need not be copied)`;
  return new WarrenError('hostile', { what, found: cause.details.found, hint }, { cause });
}
