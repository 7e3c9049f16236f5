import type { Database } from 'better-sqlite3';

import type { StringMap } from '../contract/api/instances.ts';

/**
 * The tables `config` (the server's own keys) and `facts` (what the daemon remembers for itself).
 */
export interface PairTable {
  list(): StringMap;
  find(key: string): string | undefined;
  /** `undefined` removes. */
  set(key: string, value: string | undefined): void;
}

export function pairTable(db: Database, table: 'config' | 'facts'): PairTable {
  const selectAll = db.prepare<[], { key: string; value: string }>(
    `SELECT key, value FROM ${table} ORDER BY key`,
  );
  const selectOne = db.prepare<[string], { value: string }>(
    `SELECT value FROM ${table} WHERE key = ?`,
  );
  const upsert = db.prepare<[string, string]>(
    `INSERT INTO ${table} (key, value) VALUES (?, ?)
     ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
  );
  const remove = db.prepare<[string]>(`DELETE FROM ${table} WHERE key = ?`);
  return {
    list: () => Object.fromEntries(selectAll.all().map(({ key, value }) => [key, value])),
    find: (key) => selectOne.get(key)?.value,
    set: (key, value) => {
      if (value === undefined) remove.run(key);
      else upsert.run(key, value);
    },
  };
}
