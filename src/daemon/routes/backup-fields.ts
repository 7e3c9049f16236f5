import { backupCompressions } from '../../image/backup/layout.ts';
import type { Fields } from '../http/fields.ts';

import type { BackupRecord } from '../../engine/backups/records.ts';
import type { BackupCompression } from '../../image/backup/layout.ts';

/** `backup0`, `backup1`, … that none of these has. */
export function freeName(records: readonly BackupRecord[]): string {
  const taken = new Set(records.map(({ name }) => name));
  for (let index = 0; ; index++) if (!taken.has(`backup${index}`)) return `backup${index}`;
}

/** `compression_algorithm`; what is wrong with it is an issue of `fields`. */
export function readCompression(fields: Fields): BackupCompression {
  const text = fields.string('compression_algorithm') ?? '';
  const wanted = text === '' ? 'best' : text;
  const known = backupCompressions.find((one) => one === wanted);
  if (known === undefined) {
    const names = backupCompressions.slice(1).join(', ');
    fields.issue('compression_algorithm', `"${text}" is not known, wanted ${names}`);
  }
  return known ?? 'best';
}
