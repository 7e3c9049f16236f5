import type { Database } from 'better-sqlite3';

import { WarrenError } from '../contract/errors.ts';
import { ownedList } from './lists.ts';
import { devices, keyValues } from './maps.ts';
import type { SnapshotRecord } from './records.ts';

interface SnapshotRow {
  id: number;
  instance_id: number;
  name: string;
  description: string;
  created_at: number;
  expires_at: number | null;
  ephemeral: number;
  size_bytes: number;
}

/** The tables `snapshots` and `snapshots_*`. */
export type SnapshotTable = ReturnType<typeof snapshotTable>;

export function snapshotTable(db: Database) {
  const config = keyValues(db, 'snapshots_config');
  const deviceMap = devices(db, 'snapshots_devices');
  const profiles = ownedList(db, {
    select: `SELECT snapshot_id AS owner_id, profile AS item FROM snapshots_profiles
      WHERE snapshot_id = ? ORDER BY position`,
    selectAll: `SELECT snapshot_id AS owner_id, profile AS item FROM snapshots_profiles
      ORDER BY snapshot_id, position`,
    clear: 'DELETE FROM snapshots_profiles WHERE snapshot_id = ?',
    insert: 'INSERT INTO snapshots_profiles (snapshot_id, position, profile) VALUES (?, ?, ?)',
  });
  const layers = ownedList(db, {
    select:
      'SELECT owner_id, layer_id AS item FROM snapshots_layers WHERE owner_id = ? ORDER BY position',
    selectAll:
      'SELECT owner_id, layer_id AS item FROM snapshots_layers ORDER BY owner_id, position',
    clear: 'DELETE FROM snapshots_layers WHERE owner_id = ?',
    insert: 'INSERT INTO snapshots_layers (owner_id, position, layer_id) VALUES (?, ?, ?)',
  });
  const selectAll = db.prepare<[], SnapshotRow>('SELECT * FROM snapshots ORDER BY created_at, id');
  const selectOf = db.prepare<[number], SnapshotRow>(
    'SELECT * FROM snapshots WHERE instance_id = ? ORDER BY created_at, id',
  );
  const selectOne = db.prepare<[number, string], SnapshotRow>(
    'SELECT * FROM snapshots WHERE instance_id = ? AND name = ?',
  );
  const insert = db.prepare<[number, string, string, number, number | null, number, number]>(`
    INSERT INTO snapshots (instance_id, name, description, created_at, expires_at, ephemeral, size_bytes)
    VALUES (?, ?, ?, ?, ?, ?, ?)`);
  const updateName = db.prepare<[string, number]>('UPDATE snapshots SET name = ? WHERE id = ?');
  const updateExpiry = db.prepare<[number | null, number]>(
    'UPDATE snapshots SET expires_at = ? WHERE id = ?',
  );
  const updateSize = db.prepare<[number, number]>(
    'UPDATE snapshots SET size_bytes = ? WHERE id = ?',
  );
  const remove = db.prepare<[number]>('DELETE FROM snapshots WHERE id = ?');

  function complete(row: SnapshotRow): SnapshotRecord {
    return record(row, {
      config: config.read(row.id),
      devices: deviceMap.read(row.id),
      profiles: profiles.read(row.id),
      layers: layers.read(row.id),
    });
  }

  function record(
    row: SnapshotRow,
    parts: Pick<SnapshotRecord, 'config' | 'devices' | 'profiles' | 'layers'>,
  ): SnapshotRecord {
    return {
      id: row.id,
      instanceId: row.instance_id,
      name: row.name,
      description: row.description,
      createdAtMs: row.created_at,
      expiresAtMs: row.expires_at ?? undefined,
      ephemeral: row.ephemeral === 1,
      sizeBytes: row.size_bytes,
      ...parts,
    };
  }

  return {
    /** Of one machine, oldest first. */
    list: (instanceId: number): SnapshotRecord[] => selectOf.all(instanceId).map(complete),
    /** Of all machines, oldest first, in few passes. */
    listAll(): SnapshotRecord[] {
      const [configs, deviceMaps] = [config.readAll(), deviceMap.readAll()];
      const [profileLists, layerLists] = [profiles.readAll(), layers.readAll()];
      return selectAll.all().map((row) =>
        record(row, {
          config: configs.get(row.id) ?? {},
          devices: deviceMaps.get(row.id) ?? {},
          profiles: profileLists.get(row.id) ?? [],
          layers: layerLists.get(row.id) ?? [],
        }),
      );
    },
    find(instanceId: number, name: string): SnapshotRecord | undefined {
      const row = selectOne.get(instanceId, name);
      return row === undefined ? undefined : complete(row);
    },
    /** Throws `exists`. */
    insert(snapshot: Omit<SnapshotRecord, 'id'>): SnapshotRecord {
      if (selectOne.get(snapshot.instanceId, snapshot.name) !== undefined) {
        throw new WarrenError('exists', { kind: 'snapshot', name: snapshot.name });
      }
      const result = insert.run(
        snapshot.instanceId,
        snapshot.name,
        snapshot.description,
        snapshot.createdAtMs,
        snapshot.expiresAtMs ?? null,
        snapshot.ephemeral ? 1 : 0,
        snapshot.sizeBytes,
      );
      const id = Number(result.lastInsertRowid);
      config.replace(id, snapshot.config);
      deviceMap.replace(id, snapshot.devices);
      profiles.replace(id, snapshot.profiles);
      layers.replace(id, snapshot.layers);
      return { ...snapshot, id };
    },
    /** Throws `exists`. */
    rename(snapshot: SnapshotRecord, name: string): void {
      if (selectOne.get(snapshot.instanceId, name) !== undefined) {
        throw new WarrenError('exists', { kind: 'snapshot', name });
      }
      updateName.run(name, snapshot.id);
    },
    /** Top first; none of a snapshot that is gone. */
    layersOf: (id: number): readonly string[] => layers.read(id),
    setLayers(id: number, chain: readonly string[]): void {
      layers.replace(id, chain);
    },
    setSize(id: number, sizeBytes: number): void {
      updateSize.run(sizeBytes, id);
    },
    setExpiry(id: number, expiresAtMs: number | undefined): void {
      updateExpiry.run(expiresAtMs ?? null, id);
    },
    delete(id: number): void {
      remove.run(id);
    },
  };
}
