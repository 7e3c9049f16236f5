import type { BackupRecord } from '../../engine/backups/records.ts';

/** `backup0`, `backup1`, … that none of these has. */
export function freeName(records: readonly BackupRecord[]): string {
  const taken = new Set(records.map(({ name }) => name));
  for (let index = 0; ; index++) if (!taken.has(`backup${index}`)) return `backup${index}`;
}
