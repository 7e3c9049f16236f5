import type { SliceRecord } from '../store/records.ts';
import { lacksIds } from './lacking-ids.ts';
import { grantedIds, planSlice, type SliceWish } from './slice-plan.ts';
import type { EngineDeps } from './types.ts';

/**
 * Chooses ids that nobody has or is about to have; `own` are those of a machine that leaves them,
 * which they may overlap unless others share them. Throws `host_lacks`.
 */
export function chooseSlice(
  deps: Pick<EngineDeps, 'store' | 'ids' | 'live'>,
  name: string,
  wish: SliceWish,
  preferred: readonly number[] = [],
  own?: SliceRecord,
): SliceRecord {
  const isLeft = own !== undefined && (own.isolated || isLastOf(deps, own));
  const taken = [...deps.store.slices.list(), ...deps.live.heldSlices].filter(
    ({ start }) => !(isLeft && start === own.start),
  );
  const granted = grantedIds(deps.ids.u0);
  const slice = planSlice(taken, granted, wish, preferred);
  if (slice === undefined) throw lacksIds(deps.ids, name, wish, taken, granted);
  return slice;
}

/** Whether a machine that leaves the ids that all share is the last one there. */
function isLastOf({ store }: Pick<EngineDeps, 'store'>, { start }: SliceRecord): boolean {
  return store.instances.list().filter(({ slice }) => slice.start === start).length <= 1;
}

/**
 * Takes ids for a machine; call it in the transaction that inserts the machine. Throws
 * `host_lacks`.
 */
export function allocateSlice(
  deps: Pick<EngineDeps, 'store' | 'ids' | 'live'>,
  name: string,
  wish: SliceWish,
  preferred: readonly number[] = [],
): { readonly id: number; readonly slice: SliceRecord } {
  const slice = chooseSlice(deps, name, wish, preferred);
  return { id: recordSlice(deps, slice), slice };
}

/**
 * The row of a chosen slice: that of the ids from there, or a new one. Call it in a transaction.
 */
export function recordSlice({ store }: Pick<EngineDeps, 'store'>, slice: SliceRecord): number {
  const existing = store.slices.list().find(({ start }) => start === slice.start);
  if (existing === undefined) return store.slices.insert(slice);
  // Shared by all, or left by the machine that is to have more or less of it.
  store.slices.change(existing.id, slice);
  return existing.id;
}
