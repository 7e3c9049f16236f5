import { WarrenError } from '../../contract/errors.ts';
import { nextSnapshotName } from '../snapshots/names.ts';
import type { EngineDeps, VolumeRecord, WorkContext } from '../types.ts';
import { keepShift } from './copy.ts';
import { record, removeTree } from './create.ts';
import { attachedHolders } from './hold.ts';
import { getVolume, getVolumeSnapshot } from './list.ts';
import { withStillVolume } from './still.ts';
import { checkVolumeName, refuseBeyondSize } from './validate.ts';

export interface CreateVolumeSnapshotInput {
  readonly volume: string;
  /** Undefined: `snap0`, `snap1` … */
  readonly name: string | undefined;
  readonly description: string;
  readonly expiresAtMs: number | undefined;
}

/** Keeps a copy of a volume; machines that hold it are frozen while it is made. Throws `exists`. */
export async function createVolumeSnapshot(
  deps: EngineDeps,
  input: CreateVolumeSnapshotInput,
  { signal }: WorkContext,
): Promise<VolumeRecord> {
  const what = `snapshot the storage volume ${input.volume}`;
  const snapshot = await withStillVolume(deps, input.volume, async (volume, copied) => {
    const taken = new Set(deps.store.volumes.snapshots(volume.id).map((other) => other.name));
    const createdAtMs = deps.now();
    const name = input.name ?? nextSnapshotName('snap%d', taken, new Date(createdAtMs));
    checkVolumeName(what, name);
    if (taken.has(name)) throw new WarrenError('exists', { kind: 'snapshot', name });
    await refuseBeyondSize(deps, what, volume);
    const tree = await deps.storage.volumes.copy(volume.tree, { signal, copied });
    const { description, expiresAtMs } = input;
    const more = { parentId: volume.id, name, description, createdAtMs, expiresAtMs, tree };
    return await record(deps, [tree], () => {
      const row = deps.store.volumes.insert({ ...volume, ...more });
      keepShift(deps, volume, row);
      return row;
    });
  });
  tell(deps, 'created', input.volume, snapshot.name);
  return snapshot;
}

/**
 * Puts a copy of a snapshot in the volume's place. Throws `in_use` while a machine that runs has
 * it.
 */
export async function restoreVolume(
  deps: EngineDeps,
  name: string,
  snapshotName: string,
  { signal }: Pick<WorkContext, 'signal'>,
): Promise<void> {
  using _ = await deps.live.volumes.hold(String(getVolume(deps, name).id));
  const volume = getVolume(deps, name);
  const snapshot = getVolumeSnapshot(deps, volume, snapshotName);
  const users = attachedHolders(deps, volume).map((holder) => holder.name);
  if (users.length > 0) {
    throw new WarrenError('wrong_state', {
      name: `the storage volume ${name}`,
      action: 'restore',
      state: `in use by ${users.join(' and ')}`,
      wanted: `${users.join(' and ')} stopped`,
      hint: `warren stop ${users.join(' ')}`,
    });
  }
  const tree = await deps.storage.volumes.copy(snapshot.tree, { signal });
  await record(deps, [tree], () => {
    deps.store.volumes.setTree(volume.id, tree, snapshot.owner);
    keepShift(deps, snapshot, volume);
  });
  await removeTree(deps, volume.tree);
  const subject = { kind: 'volume', name } as const;
  deps.events.lifecycle({
    action: 'storage-volume-restored',
    subject,
    context: { snapshot: snapshotName },
  });
}

/** Throws `not_found`. A death after the row is gone leaves a directory that recovery removes. */
export async function deleteVolumeSnapshot(
  deps: EngineDeps,
  volumeName: string,
  name: string,
): Promise<void> {
  using _ = await deps.live.volumes.hold(String(getVolume(deps, volumeName).id));
  const tree = deps.store.reclaim(() => {
    const snapshot = getVolumeSnapshot(deps, getVolume(deps, volumeName), name);
    deps.store.volumes.delete(snapshot.id);
    return snapshot.tree;
  });
  await removeTree(deps, tree);
  tell(deps, 'deleted', volumeName, name);
}

/** Throws `exists`. */
export function renameVolumeSnapshot(
  deps: EngineDeps,
  volumeName: string,
  name: string,
  newName: string,
): void {
  checkVolumeName(`rename the snapshot ${volumeName}/${name}`, newName);
  deps.store.transaction(() => {
    const snapshot = getVolumeSnapshot(deps, getVolume(deps, volumeName), name);
    deps.store.volumes.rename(snapshot, newName);
  });
  tell(deps, 'renamed', volumeName, newName);
}

export interface UpdateVolumeSnapshotInput {
  readonly description?: string | undefined;
  /** Null: never. */
  readonly expiresAtMs?: number | null | undefined;
}

/** What is undefined stays. */
export function updateVolumeSnapshot(
  deps: EngineDeps,
  volumeName: string,
  name: string,
  input: UpdateVolumeSnapshotInput,
): void {
  deps.store.transaction(() => {
    const current = getVolumeSnapshot(deps, getVolume(deps, volumeName), name);
    const { description = current.description, expiresAtMs = current.expiresAtMs } = input;
    deps.store.volumes.set(current.id, {
      config: current.config,
      description,
      expiresAtMs: expiresAtMs ?? undefined,
    });
  });
  tell(deps, 'updated', volumeName, name);
}

/** Deletes the snapshots of volumes whose time is over. */
export async function deleteExpiredOfVolumes(
  deps: EngineDeps,
  { signal }: WorkContext,
): Promise<void> {
  const all = deps.store.volumes.list();
  const names = new Map(all.map(({ id, name }) => [id, name]));
  for (const { parentId, name, expiresAtMs } of all) {
    const volume = parentId === undefined ? undefined : names.get(parentId);
    if (volume === undefined || expiresAtMs === undefined || expiresAtMs > deps.now()) continue;
    if (signal.aborted) return;
    try {
      await deleteVolumeSnapshot(deps, volume, name);
      deps.log.info({ volume, snapshot: name }, 'an expired snapshot of a volume was deleted');
    } catch (error) {
      deps.log.warn({ err: error, volume, snapshot: name }, 'an expired snapshot was not deleted');
    }
  }
}

function tell(deps: EngineDeps, happened: string, volume: string, name: string): void {
  const subject = { kind: 'volume-snapshot', volume, name } as const;
  deps.events.lifecycle({
    action: `storage-volume-snapshot-${happened}`,
    subject,
    context: {},
  });
}
