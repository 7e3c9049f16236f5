import type { StringMap } from '../../contract/api/instances.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { SliceRecord } from '../../store/records.ts';
import type { LayerId } from '../../storage/types.ts';
import { chainFor, removeUnusedLayers } from '../layers.ts';
import { grantedIds, isWished, readSliceWish } from '../slice-plan.ts';
import { chooseSlice, recordSlice } from '../slices.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';
import { captureFiles } from './capture.ts';
import { getInstance } from './list.ts';
import { ownerOf } from './owner.ts';
import { emptyUpper } from './restoring.ts';

/**
 * Throws `host_lacks` when the ids that a config asks for cannot be had; `moveToWishedIds` takes
 * them.
 */
export function checkWishedIds(deps: EngineDeps, record: InstanceRecord, config: StringMap): void {
  const wish = readSliceWish(config);
  if (!isWished(record.slice, wish)) chooseSlice(deps, record.name, wish, [], record.slice);
}

/**
 * Moves a stopped machine to other ids when its expanded config asks for others than it has. Every
 * layer that it and its snapshots stand on is made for them first, then one transaction turns all
 * over. Call it under the machine's lock. Death before that leaves layers that nothing stands on,
 * which recovery removes; after it, `finishRestore` gives the machine its empty directory. Throws
 * `host_lacks` when there are no such ids, `invalid` when a file belongs to an id that a smaller
 * range has not.
 */
export async function moveToWishedIds(
  deps: EngineDeps,
  record: InstanceRecord,
  config: StringMap,
  signal: AbortSignal,
): Promise<InstanceRecord> {
  refuseBeyondGrant(deps, record);
  const wish = readSliceWish(config);
  if (isWished(record.slice, wish)) return record;
  const slice = chooseSlice(deps, record.name, wish, [], record.slice);
  deps.live.heldSlices.add(slice);
  try {
    await move(deps, record, slice, signal);
  } finally {
    deps.live.heldSlices.delete(slice);
    await removeUnusedLayers(deps);
  }
  deps.log.info(
    { instance: record.name, from: record.slice.start, to: slice.start },
    'instance moved to other ids',
  );
  return getInstance(deps, record.name);
}

async function move(
  deps: EngineDeps,
  record: InstanceRecord,
  slice: SliceRecord,
  signal: AbortSignal,
): Promise<void> {
  const { id, name } = record;
  const { store, storage, live } = deps;
  const owner = ownerOf({ slice });
  using held = live.heldLayers.hold();
  const given = (chain: readonly LayerId[]): Promise<readonly LayerId[]> =>
    chainFor(deps, chain, owner, held.add, signal);
  // What it has of its own becomes a layer like the others.
  let chain: readonly LayerId[] = [];
  await captureFiles(deps, record, signal, (layers) => {
    chain = layers;
  });
  const own = await given(chain);
  const snapshots: { readonly id: number; readonly layers: readonly LayerId[] }[] = [];
  for (const snapshot of store.snapshots.list(id)) {
    snapshots.push({ id: snapshot.id, layers: await given(snapshot.layers) });
  }
  await storage.stagePlain(id, ownerOf(record), owner, { signal });
  store.transaction(() => {
    store.instances.setSlice(id, recordSlice(deps, slice));
    store.instances.setLayers(id, own);
    for (const { id: snapshotId, layers } of snapshots) {
      store.snapshots.setLayers(snapshotId, layers);
    }
    store.instances.mergeConfig(id, { 'volatile.restoring': 'true' });
    store.slices.removeUnused();
  });
  await emptyUpper(deps, getInstance(deps, name));
}

/** Files of ids that U0 does not map (any more) can neither be used nor be given to others. */
function refuseBeyondGrant(deps: EngineDeps, { name, slice }: InstanceRecord): void {
  const granted = grantedIds(deps.ids.u0);
  const last = slice.start + slice.size - 1;
  if (last <= granted) return;
  const { user } = deps.ids;
  throw new WarrenError('host_lacks', {
    what: `start ${name}`,
    found: `its files belong to subordinate ids up to number ${last}, and ${user} is granted ${granted}`,
    wanted: 'the ranges that were granted when it was made, in the same order',
    hint: `grep ^${user}: /etc/subuid /etc/subgid    (an administrator grants them again: man 5 subuid)`,
  });
}
