import type { Database } from 'better-sqlite3';

import type { DeviceMap, StringMap } from '../contract/api/instances.ts';

interface KeyRow {
  owner_id: number;
  key: string;
  value: string;
}

type KeyTable =
  | 'instances_config'
  | 'snapshots_config'
  | 'profiles_config'
  | 'networks_config'
  | 'volumes_config'
  | 'projects_config'
  | 'storage_pools_config'
  | 'images_properties';

/** Key → value of one kind of owner. */
export interface KeyValues {
  read(ownerId: number): StringMap;
  /** Of every owner, in one pass. Owners without keys are absent. */
  readAll(): Map<number, StringMap>;
  replace(ownerId: number, values: StringMap): void;
  /** Writes these keys and leaves the others; `undefined` removes. */
  merge(ownerId: number, values: Readonly<Record<string, string | undefined>>): void;
}

export function keyValues(db: Database, table: KeyTable): KeyValues {
  const select = db.prepare<[number], KeyRow>(
    `SELECT owner_id, key, value FROM ${table} WHERE owner_id = ? ORDER BY key`,
  );
  // For a thousand machines, an object in one piece costs a fifth of one that grows row by row.
  const selectAll = db.prepare<[], { owner_id: number; all: string }>(
    `SELECT owner_id, json_group_object(key, value) AS "all" FROM ${table} GROUP BY owner_id`,
  );
  const clear = db.prepare<[number]>(`DELETE FROM ${table} WHERE owner_id = ?`);
  const remove = db.prepare<[number, string]>(
    `DELETE FROM ${table} WHERE owner_id = ? AND key = ?`,
  );
  const upsert = db.prepare<[number, string, string]>(
    `INSERT INTO ${table} (owner_id, key, value) VALUES (?, ?, ?)
     ON CONFLICT (owner_id, key) DO UPDATE SET value = excluded.value`,
  );
  return {
    read: (ownerId) =>
      Object.fromEntries(select.all(ownerId).map(({ key, value }) => [key, value])),
    readAll: () =>
      new Map(selectAll.all().map(({ owner_id, all }) => [owner_id, JSON.parse(all) as StringMap])),
    replace: (ownerId, values) => {
      clear.run(ownerId);
      for (const [key, value] of Object.entries(values)) upsert.run(ownerId, key, value);
    },
    merge: (ownerId, values) => {
      for (const [key, value] of Object.entries(values)) {
        if (value === undefined) remove.run(ownerId, key);
        else upsert.run(ownerId, key, value);
      }
    },
  };
}

interface DeviceRow extends KeyRow {
  device: string;
}

type DeviceTable = 'instances_devices' | 'snapshots_devices' | 'profiles_devices';

/** Device → key → value of one kind of owner. A device without keys is not kept. */
export interface Devices {
  read(ownerId: number): DeviceMap;
  readAll(): Map<number, DeviceMap>;
  replace(ownerId: number, devices: DeviceMap): void;
}

export function devices(db: Database, table: DeviceTable): Devices {
  const select = db.prepare<[number], DeviceRow>(
    `SELECT owner_id, device, key, value FROM ${table} WHERE owner_id = ? ORDER BY device, key`,
  );
  const selectAll = db.prepare<[], DeviceRow>(
    `SELECT owner_id, device, key, value FROM ${table} ORDER BY owner_id, device, key`,
  );
  const clear = db.prepare<[number]>(`DELETE FROM ${table} WHERE owner_id = ?`);
  const insert = db.prepare<[number, string, string, string]>(
    `INSERT INTO ${table} (owner_id, device, key, value) VALUES (?, ?, ?, ?)`,
  );
  return {
    read: (ownerId) => collect(select.all(ownerId)).get(ownerId) ?? {},
    readAll: () => collect(selectAll.iterate()),
    replace: (ownerId, all) => {
      clear.run(ownerId);
      for (const [device, keys] of Object.entries(all)) {
        for (const [key, value] of Object.entries(keys)) insert.run(ownerId, device, key, value);
      }
    },
  };
}

function collect(rows: Iterable<DeviceRow>): Map<number, DeviceMap> {
  const all = new Map<number, Record<string, Record<string, string>>>();
  for (const { owner_id, device, key, value } of rows) {
    let owned = all.get(owner_id);
    if (owned === undefined) all.set(owner_id, (owned = {}));
    (owned[device] ??= {})[key] = value;
  }
  return all;
}
