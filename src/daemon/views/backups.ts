import { timeOf } from '../../contract/api/times.ts';

import type { InstanceBackup, VolumeBackup } from '../../contract/api/backups.ts';
import type { BackupRecord } from '../../engine/backups/records.ts';

export function backupView(record: BackupRecord): InstanceBackup {
  return {
    name: record.name,
    created_at: timeOf(record.createdAtMs),
    expires_at: timeOf(record.expiresAtMs),
    instance_only: record.instanceOnly,
    container_only: record.instanceOnly,
    optimized_storage: false,
  };
}

export function volumeBackupView(record: BackupRecord): VolumeBackup {
  return {
    name: record.name,
    created_at: timeOf(record.createdAtMs),
    expires_at: timeOf(record.expiresAtMs),
    volume_only: record.instanceOnly,
    optimized_storage: false,
  };
}
