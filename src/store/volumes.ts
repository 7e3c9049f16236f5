import type { Database } from 'better-sqlite3';

import { WarrenError } from '../contract/errors.ts';
import { keyValues } from './maps.ts';
import type { IdRange, VolumeRecord } from './records.ts';

interface VolumeRow {
  id: number;
  parent_id: number | null;
  name: string;
  description: string;
  created_at: number;
  expires_at: number | null;
  tree: string;
  owner_start: number;
  owner_size: number;
  next_start: number | null;
  next_size: number | null;
}

/** The tables `volumes`, `volumes_config` and `volumes_holders`. */
export type VolumeTable = ReturnType<typeof volumeTable>;

export function volumeTable(db: Database) {
  const config = keyValues(db, 'volumes_config');
  const selectAll = db.prepare<[], VolumeRow>('SELECT * FROM volumes ORDER BY name, id');
  const selectOne = db.prepare<[string], VolumeRow>(
    'SELECT * FROM volumes WHERE name = ? AND parent_id IS NULL',
  );
  const selectSnapshots = db.prepare<[number], VolumeRow>(
    'SELECT * FROM volumes WHERE parent_id = ? ORDER BY created_at, id',
  );
  const insert = db.prepare<
    [number | null, string, string, number, number | null, string, number, number]
  >(`INSERT INTO volumes
      (parent_id, name, description, created_at, expires_at, tree, owner_start, owner_size)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
  const update = db.prepare<[string, number | null, number]>(
    'UPDATE volumes SET description = ?, expires_at = ? WHERE id = ?',
  );
  const updateName = db.prepare<[string, number]>('UPDATE volumes SET name = ? WHERE id = ?');
  const updateTree = db.prepare<[string, number, number, number]>(
    `UPDATE volumes SET tree = ?, owner_start = ?, owner_size = ?, next_start = NULL, next_size = NULL
      WHERE id = ?`,
  );
  const updateNext = db.prepare<[number, number, number]>(
    'UPDATE volumes SET next_start = ?, next_size = ? WHERE id = ?',
  );
  const remove = db.prepare<[number]>('DELETE FROM volumes WHERE id = ?');
  const selectHolders = db.prepare<[number], { instance_id: number }>(
    'SELECT instance_id FROM volumes_holders WHERE volume_id = ? ORDER BY instance_id',
  );
  const insertHolder = db.prepare<[number, number]>(
    'INSERT INTO volumes_holders (volume_id, instance_id) VALUES (?, ?) ON CONFLICT DO NOTHING',
  );
  const removeHolder = db.prepare<[number]>('DELETE FROM volumes_holders WHERE instance_id = ?');

  function complete(row: VolumeRow): VolumeRecord {
    return {
      id: row.id,
      parentId: row.parent_id ?? undefined,
      name: row.name,
      description: row.description,
      createdAtMs: row.created_at,
      expiresAtMs: row.expires_at ?? undefined,
      config: config.read(row.id),
      tree: row.tree,
      owner: { start: row.owner_start, size: row.owner_size },
      nextOwner:
        row.next_start === null || row.next_size === null
          ? undefined
          : { start: row.next_start, size: row.next_size },
    };
  }

  function refuseTaken(parentId: number | undefined, name: string): void {
    const isTaken =
      parentId === undefined
        ? selectOne.get(name) !== undefined
        : selectSnapshots.all(parentId).some((row) => row.name === name);
    const kind = parentId === undefined ? 'storage volume' : 'snapshot';
    if (isTaken) throw new WarrenError('exists', { kind, name });
  }

  return {
    /** Volumes and snapshots, by name. */
    list: (): VolumeRecord[] => selectAll.all().map(complete),
    /** A volume that is no snapshot. */
    find(name: string): VolumeRecord | undefined {
      const row = selectOne.get(name);
      return row === undefined ? undefined : complete(row);
    },
    /** Oldest first. */
    snapshots: (id: number): VolumeRecord[] => selectSnapshots.all(id).map(complete),
    /** Throws `exists`. */
    insert(volume: Omit<VolumeRecord, 'id' | 'nextOwner'>): VolumeRecord {
      const { parentId, name, description, createdAtMs, expiresAtMs, tree, owner } = volume;
      refuseTaken(parentId, name);
      const id = Number(
        insert.run(
          ...([parentId ?? null, name, description, createdAtMs, expiresAtMs ?? null] as const),
          ...([tree, owner.start, owner.size] as const),
        ).lastInsertRowid,
      );
      config.replace(id, volume.config);
      return { ...volume, id, nextOwner: undefined };
    },
    set(id: number, volume: Pick<VolumeRecord, 'description' | 'expiresAtMs' | 'config'>): void {
      update.run(volume.description, volume.expiresAtMs ?? null, id);
      config.replace(id, volume.config);
    },
    /** Throws `exists`. */
    rename({ id, parentId }: Pick<VolumeRecord, 'id' | 'parentId'>, name: string): void {
      refuseTaken(parentId, name);
      updateName.run(name, id);
    },
    /** What it is from now on; nothing is being given to others any more. */
    setTree(id: number, tree: string, owner: IdRange): void {
      updateTree.run(tree, owner.start, owner.size, id);
    },
    setNextOwner(id: number, { start, size }: IdRange): void {
      updateNext.run(start, size, id);
    },
    /** With its snapshots. */
    delete(id: number): void {
      for (const snapshot of selectSnapshots.all(id)) remove.run(snapshot.id);
      remove.run(id);
    },
    /** Ids of machines that were given it since their last start, whether they still run or not. */
    holders: (id: number): number[] => selectHolders.all(id).map((row) => row.instance_id),
    addHolder(id: number, instanceId: number): void {
      insertHolder.run(id, instanceId);
    },
    /** A machine that starts anew holds nothing. */
    releaseAll(instanceId: number): void {
      removeHolder.run(instanceId);
    },
  };
}
