import { isPartOf, rangesOverlap } from '../../base/id-layout.ts';
import type { HostPath } from '../../base/brand.ts';
import { isWarrenError, WarrenError } from '../../contract/errors.ts';
import type { OwnerRange } from '../../storage/types.ts';
import { ownerOf } from '../instances/owner.ts';
import { isRunning } from '../instances/state.ts';
import type { EngineDeps, InstanceRecord, VolumeRecord } from '../types.ts';
import { removeTree } from './create.ts';
import { getVolume, volumeUsers } from './list.ts';

/** A machine that starts or runs. */
export type Holder = Pick<InstanceRecord, 'id' | 'name' | 'slice'>;

/**
 * The directory of a volume for one machine to be given, its files belonging to that machine's ids.
 * Call it under the machine's lock. From then until the machine's end it holds the volume: what is
 * detached while it runs may still be open there. Throws `wrong_state` when a machine with other
 * ids holds it: every file belongs to one of the two.
 */
export async function holdVolume(
  deps: EngineDeps,
  name: string,
  machine: Holder,
): Promise<HostPath> {
  using _ = await deps.live.volumes.hold(String(getVolume(deps, name).id));
  const volume = getVolume(deps, name);
  const owner = ownerOf(machine);
  const others = runningHolders(deps, volume).filter(
    (other) => other.id !== machine.id && !isPartOf(ownerOf(other), owner),
  );
  if (others.length > 0) throw heldByOthers(name, machine, others);
  const { tree } = await giveTo(deps, volume, owner);
  deps.store.transaction(() => {
    deps.store.volumes.addHolder(volume.id, machine.id);
  });
  return deps.storage.volumes.path(tree);
}

/** Machines that were given the volume and have not ended since. */
export function runningHolders(deps: EngineDeps, { id }: VolumeRecord): InstanceRecord[] {
  return deps.store.volumes.holders(id).flatMap((instanceId) => {
    const record = deps.store.instances.findById(instanceId);
    if (record === undefined) return [];
    const isThere = isRunning(deps, record) || deps.live.transition(instanceId) !== undefined;
    return isThere ? [record] : [];
  });
}

/** Those of them that have it among their devices now. */
export function attachedHolders(deps: EngineDeps, volume: VolumeRecord): InstanceRecord[] {
  const { instances } = volumeUsers(deps)(volume.name);
  return runningHolders(deps, volume).filter(({ name }) => instances.includes(name));
}

/** Nobody who runs has it, or all of them have the ids that its files have. */
async function giveTo(
  deps: EngineDeps,
  given: VolumeRecord,
  owner: OwnerRange,
): Promise<VolumeRecord> {
  // What a death left half-done is finished first: which files have which ids is known then.
  const volume = given.nextOwner === undefined ? given : await shift(deps, given, given.nextOwner);
  const now = volume.owner;
  if (isPartOf(owner, now)) return volume;
  return await shift(deps, volume, owner);
}

async function shift(
  deps: EngineDeps,
  volume: VolumeRecord,
  next: OwnerRange,
): Promise<VolumeRecord> {
  const { id, tree, name } = volume;
  const settle = (range: OwnerRange): void => {
    deps.store.transaction(() => {
      deps.store.volumes.setTree(id, tree, range);
    });
  };
  let { owner } = volume;
  if (volume.nextOwner === undefined) {
    // A range is as large as a machine's, and mostly a few ids of it are in use.
    owner = await deps.storage.volumes.extent(tree, owner);
    settle(owner);
  }
  if (rangesOverlap(owner, next) && !isPartOf(owner, next)) {
    return await shiftCopy(deps, { ...volume, owner }, next);
  }
  deps.store.transaction(() => {
    deps.store.volumes.setNextOwner(id, next);
  });
  try {
    await deps.storage.volumes.shift(tree, owner, next);
  } catch (error) {
    // Said before anything is changed.
    if (isWarrenError(error, 'unsupported')) settle(owner);
    throw error;
  }
  settle(next);
  deps.log.info({ volume: name, from: owner.start, to: next.start }, 'a volume got other ids');
  return { ...volume, owner: next, nextOwner: undefined };
}

/**
 * Half-way between ranges with ids in common nobody could tell which one an id is of: then a copy
 * gets the other ids and takes the place of what there was. A death leaves a tree that no row
 * names.
 */
async function shiftCopy(
  deps: EngineDeps,
  volume: VolumeRecord,
  next: OwnerRange,
): Promise<VolumeRecord> {
  const { id, name, owner } = volume;
  const { volumes } = deps.storage;
  const tree = await volumes.copy(volume.tree, {});
  try {
    await volumes.shiftNew(tree, owner, next);
    deps.store.transaction(() => {
      deps.store.volumes.setTree(id, tree, next);
    });
  } catch (error) {
    await removeTree(deps, tree);
    throw error;
  }
  await removeTree(deps, volume.tree);
  deps.log.info({ volume: name, from: owner.start, to: next.start }, 'a volume got other ids');
  return { ...volume, tree, owner: next, nextOwner: undefined };
}

function heldByOthers(
  name: string,
  machine: Holder,
  others: readonly Holder[],
): WarrenError<'wrong_state'> {
  const names = others.map((other) => other.name);
  return new WarrenError('wrong_state', {
    name: `the storage volume ${name}`,
    action: 'attach',
    state: `in use by ${names.join(' and ')}, whose ids are not those of ${machine.name}`,
    wanted: `${names.join(' and ')} stopped, or machines with shared ids (security.idmap.isolated=false)`,
    hint: `warren stop ${names.join(' ')}`,
  });
}
