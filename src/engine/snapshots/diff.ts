import { toGuestId, type IdRange } from '../../base/id-layout.ts';
import type { DiffSide, TreeAttributes, TreeChange } from '../../storage/types.ts';
import { getInstance } from '../instances/list.ts';
import { finishRestore } from '../instances/restoring.ts';
import { isRunning } from '../instances/state.ts';
import type { EngineDeps, WorkContext } from '../types.ts';
import { getSnapshot } from './list.ts';

export interface DiffInput {
  readonly instance: string;
  readonly from: string;
  /** Undefined: the machine as it is now. */
  readonly to: string | undefined;
  /** What changed in text files, line by line, as well. */
  readonly patches?: boolean;
}

/** More than a person reads; an answer stays some tens of megabytes at worst. */
export const maxChanges = 100_000;

/**
 * What changed in a machine's files from a snapshot to another, or to now; owners are its own ids.
 * Throws `not_found`.
 */
export async function diffSnapshots(
  deps: EngineDeps,
  { instance, from, to, patches = false }: DiffInput,
  { signal }: Pick<WorkContext, 'signal'>,
): Promise<TreeChange[]> {
  const record = getInstance(deps, instance);
  const before = getSnapshot(deps, instance, from);
  const compare = async (side: DiffSide, stop: AbortSignal): Promise<TreeChange[]> => {
    using _ = deps.live.heldLayers.hold(...before.layers, ...side.layers);
    const options = { maxChanges, patches, signal: stop };
    const changes = await deps.storage.diff({ layers: before.layers }, side, options);
    return changes.map((one) => asMachineSees(one, record.slice));
  };
  if (to !== undefined) {
    return await compare({ layers: getSnapshot(deps, instance, to).layers }, signal);
  }
  if (isRunning(deps, record)) {
    // The end of its run ends the comparison.
    using transfer = deps.live.transfers.enter(record.id);
    const side = { layers: record.layers, upperOf: record.id, isMounted: true };
    return await compare(side, AbortSignal.any([signal, transfer.signal]));
  }
  using _ = await deps.live.locks.wait(instance);
  const now = getInstance(deps, instance);
  await finishRestore(deps, now);
  await deps.storage.unmountRoot(now.id);
  return await compare({ layers: now.layers, upperOf: now.id }, signal);
}

/** What the kernel shows of an id that a machine has not: the value of `overflowuid`. */
const nobody = 65_534;

function asMachineSees(change: TreeChange, slice: IdRange): TreeChange {
  if (change.attributes === undefined) return change;
  const seen = ({ mode, uid, gid }: TreeAttributes): TreeAttributes => ({
    mode,
    uid: toGuestId(slice, uid) ?? nobody,
    gid: toGuestId(slice, gid) ?? nobody,
  });
  const { before, after } = change.attributes;
  return { ...change, attributes: { before: seen(before), after: seen(after) } };
}
