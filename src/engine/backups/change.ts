import type { EngineDeps, WorkContext } from '../types.ts';
import { checkBackupName, getBackup, listBackups, moveBackup, removeBackup } from './records.ts';

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

/** Removes the backups whose time is over. */
export async function deleteExpiredBackups(deps: EngineDeps, context: WorkContext): Promise<void> {
  for (const { id, name: instance } of deps.store.instances.list()) {
    for (const { name, expiresAtMs } of await listBackups(deps, id)) {
      if (expiresAtMs === undefined || expiresAtMs > deps.now()) continue;
      await deleteBackup(deps, { instance, name }, context);
    }
  }
}
