import type { Database } from 'better-sqlite3';

import { keyValues } from './maps.ts';
import type { StoragePoolRecord } from './records.ts';

type Row = Omit<StoragePoolRecord, 'config'>;

/** The tables `storage_pools` and `storage_pools_config`. */
export type StoragePoolTable = ReturnType<typeof storagePoolTable>;

export function storagePoolTable(db: Database) {
  const config = keyValues(db, 'storage_pools_config');
  const selectOne = db.prepare<[string], Row>('SELECT * FROM storage_pools WHERE name = ?');
  const update = db.prepare<[string, number]>(
    'UPDATE storage_pools SET description = ? WHERE id = ?',
  );
  return {
    find(name: string): StoragePoolRecord | undefined {
      const row = selectOne.get(name);
      return row === undefined ? undefined : { ...row, config: config.read(row.id) };
    },
    set(id: number, pool: Pick<StoragePoolRecord, 'description' | 'config'>): void {
      update.run(pool.description, id);
      config.replace(id, pool.config);
    },
  };
}
