import type { Database } from 'better-sqlite3';

import type { StringMap } from '../contract/api/instances.ts';
import { WarrenError } from '../contract/errors.ts';
import { ownedList } from './lists.ts';
import { devices, keyValues } from './maps.ts';
import type { InstanceRecord, InstanceSettings, LastExit, RunRecord } from './records.ts';

interface InstanceRow {
  id: number;
  name: string;
  description: string;
  architecture: string;
  ephemeral: number;
  phase: InstanceRecord['phase'];
  created_at: number;
  last_used_at: number | null;
  run_pid: number | null;
  run_start_time: number | null;
  run_boot_id: string | null;
  run_started_at: number | null;
  run_booted_at: number | null;
  last_exit: LastExit['kind'] | null;
  last_exit_detail: string | null;
  slice_start: number;
  slice_size: number;
  slice_isolated: number;
}

const columns = `
  SELECT instances.*, slices.start AS slice_start, slices.size AS slice_size, slices.isolated AS slice_isolated
  FROM instances JOIN slices ON slices.id = instances.slice_id`;

export interface NewInstance extends InstanceSettings {
  readonly name: string;
  readonly architecture: string;
  readonly createdAtMs: number;
  readonly sliceId: number;
  readonly layers: readonly string[];
}

/** The tables `instances` and `instances_*`. */
export type InstanceTable = ReturnType<typeof instanceTable>;

export function instanceTable(db: Database) {
  const config = keyValues(db, 'instances_config');
  const deviceMap = devices(db, 'instances_devices');
  const profiles = ownedList(db, {
    select: `SELECT instance_id AS owner_id, profiles.name AS item FROM instances_profiles
      JOIN profiles ON profiles.id = profile_id WHERE instance_id = ? ORDER BY position`,
    selectAll: `SELECT instance_id AS owner_id, profiles.name AS item FROM instances_profiles
      JOIN profiles ON profiles.id = profile_id ORDER BY instance_id, position`,
    clear: 'DELETE FROM instances_profiles WHERE instance_id = ?',
    insert: `INSERT INTO instances_profiles (instance_id, position, profile_id)
      VALUES (?, ?, (SELECT id FROM profiles WHERE name = ?))`,
  });
  const layers = ownedList(db, {
    select:
      'SELECT owner_id, layer_id AS item FROM instances_layers WHERE owner_id = ? ORDER BY position',
    selectAll:
      'SELECT owner_id, layer_id AS item FROM instances_layers ORDER BY owner_id, position',
    clear: 'DELETE FROM instances_layers WHERE owner_id = ?',
    insert: 'INSERT INTO instances_layers (owner_id, position, layer_id) VALUES (?, ?, ?)',
  });

  const selectAll = db.prepare<[], InstanceRow>(`${columns} ORDER BY instances.name`);
  const selectByName = db.prepare<[string], InstanceRow>(`${columns} WHERE instances.name = ?`);
  const selectById = db.prepare<[number], InstanceRow>(`${columns} WHERE instances.id = ?`);
  const insert = db.prepare<[string, string, string, number, number, number]>(`
    INSERT INTO instances (name, description, architecture, ephemeral, phase, created_at, slice_id)
    VALUES (?, ?, ?, ?, 'creating', ?, ?)`);
  const updateSettings = db.prepare<[string, number, number]>(
    'UPDATE instances SET description = ?, ephemeral = ? WHERE id = ?',
  );
  const updateSlice = db.prepare<[number, number]>(
    'UPDATE instances SET slice_id = ? WHERE id = ?',
  );
  const updatePhase = db.prepare<[string, number]>('UPDATE instances SET phase = ? WHERE id = ?');
  const updateName = db.prepare<[string, number]>('UPDATE instances SET name = ? WHERE id = ?');
  const updateRun = db.prepare<[number, number, string, number, number | null, number, number]>(`
    UPDATE instances SET run_pid = ?, run_start_time = ?, run_boot_id = ?, run_started_at = ?,
      run_booted_at = ?, last_used_at = ?, last_exit = NULL, last_exit_detail = NULL
    WHERE id = ?`);
  const updateBooted = db.prepare<[number, number]>(
    'UPDATE instances SET run_booted_at = ? WHERE id = ? AND run_pid IS NOT NULL',
  );
  const updateExit = db.prepare<[string, string | null, number]>(`
    UPDATE instances SET run_pid = NULL, run_start_time = NULL, run_boot_id = NULL,
      run_started_at = NULL, run_booted_at = NULL, last_exit = ?, last_exit_detail = ?
    WHERE id = ?`);
  const remove = db.prepare<[number]>('DELETE FROM instances WHERE id = ?');
  const selectUsers = db.prepare<[string], { name: string }>(`
    SELECT DISTINCT instances.name FROM instances
    JOIN instances_profiles ON instance_id = instances.id
    JOIN profiles ON profiles.id = profile_id
    WHERE profiles.name = ? ORDER BY instances.name`);
  const countAll = db.prepare<[], { count: number }>('SELECT count(*) AS count FROM instances');

  function find(name: string): InstanceRecord | undefined {
    const row = selectByName.get(name);
    return row === undefined ? undefined : complete(row);
  }

  function complete(row: InstanceRow): InstanceRecord {
    return record(row, {
      config: config.read(row.id),
      devices: deviceMap.read(row.id),
      profiles: profiles.read(row.id),
      layers: layers.read(row.id),
    });
  }

  function refuseTaken(name: string): void {
    if (selectByName.get(name) !== undefined) {
      throw new WarrenError('exists', { kind: 'instance', name });
    }
  }

  return {
    /** By name, whatever their phase. */
    list(): InstanceRecord[] {
      const configs = config.readAll();
      const deviceMaps = deviceMap.readAll();
      const profileLists = profiles.readAll();
      const layerLists = layers.readAll();
      return selectAll.all().map((row) =>
        record(row, {
          config: configs.get(row.id) ?? {},
          devices: deviceMaps.get(row.id) ?? {},
          profiles: profileLists.get(row.id) ?? [],
          layers: layerLists.get(row.id) ?? [],
        }),
      );
    },
    count: (): number => countAll.get()?.count ?? 0,
    find,
    findById(id: number): InstanceRecord | undefined {
      const row = selectById.get(id);
      return row === undefined ? undefined : complete(row);
    },
    /** In phase `creating`. Throws `exists`. Profiles and layers must exist. */
    insert(instance: NewInstance): number {
      refuseTaken(instance.name);
      const { name, description, architecture, ephemeral, createdAtMs, sliceId } = instance;
      const result = insert.run(
        name,
        description,
        architecture,
        ephemeral ? 1 : 0,
        createdAtMs,
        sliceId,
      );
      const id = Number(result.lastInsertRowid);
      config.replace(id, instance.config);
      deviceMap.replace(id, instance.devices);
      profiles.replace(id, instance.profiles);
      layers.replace(id, instance.layers);
      return id;
    },
    setPhase(id: number, phase: InstanceRecord['phase']): void {
      updatePhase.run(phase, id);
    },
    /** Throws `exists`. */
    rename(id: number, name: string): void {
      refuseTaken(name);
      updateName.run(name, id);
    },
    setSettings(id: number, settings: InstanceSettings): void {
      updateSettings.run(settings.description, settings.ephemeral ? 1 : 0, id);
      config.replace(id, settings.config);
      deviceMap.replace(id, settings.devices);
      profiles.replace(id, settings.profiles);
    },
    /** Writes single keys, `volatile.*` mostly; `undefined` removes one. */
    mergeConfig(id: number, values: Readonly<Record<string, string | undefined>>): void {
      config.merge(id, values);
    },
    /** Other ids; the row of the slice must exist. */
    setSlice(id: number, sliceId: number): void {
      updateSlice.run(sliceId, id);
    },
    setLayers(id: number, chain: readonly string[]): void {
      layers.replace(id, chain);
    },
    /** A start: forgets the last exit. */
    setRun(id: number, run: RunRecord): void {
      const { pid, startTime, bootId } = run.init;
      const bootedAtMs = run.bootedAtMs ?? null;
      updateRun.run(pid, startTime, bootId, run.startedAtMs, bootedAtMs, run.startedAtMs, id);
    },
    setBooted(id: number, bootedAtMs: number): void {
      updateBooted.run(bootedAtMs, id);
    },
    /** The end of what `setRun` recorded. */
    setExit(id: number, exit: LastExit): void {
      updateExit.run(exit.kind, exit.kind === 'crashed' ? exit.detail : null, id);
    },
    delete(id: number): void {
      remove.run(id);
    },
    /** Names of the machines that use a profile. */
    namesUsingProfile: (profile: string): string[] =>
      selectUsers.all(profile).map(({ name }) => name),
  };
}

interface InstanceParts {
  readonly config: StringMap;
  readonly devices: InstanceRecord['devices'];
  readonly profiles: readonly string[];
  readonly layers: readonly string[];
}

function record(row: InstanceRow, parts: InstanceParts): InstanceRecord {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    architecture: row.architecture,
    ephemeral: row.ephemeral === 1,
    phase: row.phase,
    createdAtMs: row.created_at,
    lastUsedAtMs: row.last_used_at ?? undefined,
    slice: { start: row.slice_start, size: row.slice_size, isolated: row.slice_isolated === 1 },
    run: runOf(row),
    lastExit: exitOf(row),
    ...parts,
  };
}

function runOf(row: InstanceRow): RunRecord | undefined {
  const { run_pid: pid, run_start_time: startTime, run_boot_id: bootId } = row;
  if (pid === null || startTime === null || bootId === null || row.run_started_at === null) {
    return undefined;
  }
  return {
    init: { pid, startTime, bootId },
    startedAtMs: row.run_started_at,
    bootedAtMs: row.run_booted_at ?? undefined,
  };
}

function exitOf(row: InstanceRow): LastExit | undefined {
  if (row.last_exit === null) return undefined;
  if (row.last_exit === 'crashed') return { kind: 'crashed', detail: row.last_exit_detail ?? '' };
  return { kind: row.last_exit };
}
