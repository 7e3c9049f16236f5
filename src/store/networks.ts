import type { Database } from 'better-sqlite3';

import { WarrenError } from '../contract/errors.ts';
import { keyValues } from './maps.ts';
import type { NetworkRecord } from './records.ts';

interface NetworkRow {
  id: number;
  name: string;
  description: string;
}

/** The tables `networks` and `networks_config`. */
export type NetworkTable = ReturnType<typeof networkTable>;

export function networkTable(db: Database) {
  const config = keyValues(db, 'networks_config');
  const selectAll = db.prepare<[], NetworkRow>('SELECT * FROM networks ORDER BY name');
  const selectOne = db.prepare<[string], NetworkRow>('SELECT * FROM networks WHERE name = ?');
  const insert = db.prepare<[string, string]>(
    'INSERT INTO networks (name, description) VALUES (?, ?)',
  );
  const update = db.prepare<[string, number]>('UPDATE networks SET description = ? WHERE id = ?');
  const updateName = db.prepare<[string, number]>('UPDATE networks SET name = ? WHERE id = ?');
  const remove = db.prepare<[number]>('DELETE FROM networks WHERE id = ?');

  function complete(row: NetworkRow): NetworkRecord {
    return { ...row, config: config.read(row.id) };
  }

  function refuseTaken(name: string): void {
    if (selectOne.get(name) !== undefined)
      throw new WarrenError('exists', { kind: 'network', name });
  }

  return {
    /** By name. */
    list: (): NetworkRecord[] => selectAll.all().map(complete),
    find(name: string): NetworkRecord | undefined {
      const row = selectOne.get(name);
      return row === undefined ? undefined : complete(row);
    },
    /** Throws `exists`. */
    insert(network: Omit<NetworkRecord, 'id'>): NetworkRecord {
      refuseTaken(network.name);
      const id = Number(insert.run(network.name, network.description).lastInsertRowid);
      config.replace(id, network.config);
      return { ...network, id };
    },
    set(id: number, network: Omit<NetworkRecord, 'id' | 'name'>): void {
      update.run(network.description, id);
      config.replace(id, network.config);
    },
    /** Throws `exists`. */
    rename(id: number, name: string): void {
      refuseTaken(name);
      updateName.run(name, id);
    },
    delete(id: number): void {
      remove.run(id);
    },
  };
}
