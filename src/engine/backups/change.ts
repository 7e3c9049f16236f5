import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, WorkContext } from '../types.ts';
import { getVolume, listVolumes } from '../volumes/list.ts';
import {
  checkBackupName,
  getBackup,
  listBackups,
  moveBackup,
  removeBackup,
  type BackupOwner,
  type BackupRecord,
} from './records.ts';

export interface BackupName {
  readonly instance: string;
  readonly name: string;
}

/** Throws `not_found`, `exists`. */
export async function renameBackup(
  deps: EngineDeps,
  { instance, name, newName }: BackupName & { readonly newName: string },
  _context: WorkContext,
): Promise<void> {
  checkBackupName(`rename ${instance}/${name}`, newName);
  const { instance: owner } = await getBackup(deps, instance, name);
  await moveBackup(deps, owner.id, name, newName);
  deps.events.lifecycle({
    action: 'instance-backup-renamed',
    subject: { kind: 'instance-backup', instance, name: newName },
    context: { old_name: name },
  });
}

/** Throws `not_found`. */
export async function deleteBackup(
  deps: EngineDeps,
  { instance, name }: BackupName,
  _context: WorkContext,
): Promise<void> {
  const { instance: owner } = await getBackup(deps, instance, name);
  await removeBackup(deps, owner.id, name);
  deps.events.lifecycle({
    action: 'instance-backup-deleted',
    subject: { kind: 'instance-backup', instance, name },
    context: {},
  });
}

/** Throws `not_found`. */
export async function getVolumeBackup(
  deps: EngineDeps,
  volume: string,
  name: string,
): Promise<{ readonly record: BackupRecord; readonly owner: BackupOwner }> {
  const owner = { volume: getVolume(deps, volume).id };
  const record = (await listBackups(deps, owner)).find((one) => one.name === name);
  if (record !== undefined) return { record, owner };
  throw new WarrenError('not_found', { kind: 'backup', name: `${volume}/${name}` });
}

/** Throws `not_found`, `exists`. */
export async function renameVolumeBackup(
  deps: EngineDeps,
  volume: string,
  name: string,
  newName: string,
): Promise<void> {
  checkBackupName(`rename ${volume}/${name}`, newName);
  const { owner } = await getVolumeBackup(deps, volume, name);
  await moveBackup(deps, owner, name, newName);
  deps.events.lifecycle({
    action: 'storage-volume-backup-renamed',
    subject: { kind: 'volume-backup', volume, name: newName },
    context: { old_name: name },
  });
}

/** Throws `not_found`. */
export async function deleteVolumeBackup(
  deps: EngineDeps,
  volume: string,
  name: string,
): Promise<void> {
  const { owner } = await getVolumeBackup(deps, volume, name);
  await removeBackup(deps, owner, name);
  deps.events.lifecycle({
    action: 'storage-volume-backup-deleted',
    subject: { kind: 'volume-backup', volume, name },
    context: {},
  });
}

/** Removes the backups whose time is over. */
export async function deleteExpiredBackups(deps: EngineDeps, context: WorkContext): Promise<void> {
  const isOver = ({ expiresAtMs }: BackupRecord): boolean =>
    expiresAtMs !== undefined && expiresAtMs <= deps.now();
  for (const { id, name: instance } of deps.store.instances.list()) {
    for (const { name } of (await listBackups(deps, id)).filter(isOver)) {
      await deleteBackup(deps, { instance, name }, context);
    }
  }
  for (const { id, name: volume } of listVolumes(deps)) {
    for (const { name } of (await listBackups(deps, { volume: id })).filter(isOver)) {
      await deleteVolumeBackup(deps, volume, name);
    }
  }
}
