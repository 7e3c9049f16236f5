import type { Database } from 'better-sqlite3';

import { WarrenError } from '../contract/errors.ts';
import { devices, keyValues } from './maps.ts';
import type { ProfileRecord } from './records.ts';

interface ProfileRow {
  id: number;
  name: string;
  description: string;
}

/** The tables `profiles` and `profiles_*`. */
export type ProfileTable = ReturnType<typeof profileTable>;

export function profileTable(db: Database) {
  const config = keyValues(db, 'profiles_config');
  const deviceMap = devices(db, 'profiles_devices');
  const selectAll = db.prepare<[], ProfileRow>('SELECT * FROM profiles ORDER BY name');
  const selectOne = db.prepare<[string], ProfileRow>('SELECT * FROM profiles WHERE name = ?');
  const insert = db.prepare<[string, string]>(
    'INSERT INTO profiles (name, description) VALUES (?, ?)',
  );
  const update = db.prepare<[string, number]>('UPDATE profiles SET description = ? WHERE id = ?');
  const updateName = db.prepare<[string, number]>('UPDATE profiles SET name = ? WHERE id = ?');
  const remove = db.prepare<[number]>('DELETE FROM profiles WHERE id = ?');

  function complete(row: ProfileRow): ProfileRecord {
    return { ...row, config: config.read(row.id), devices: deviceMap.read(row.id) };
  }

  function refuseTaken(name: string): void {
    if (selectOne.get(name) !== undefined)
      throw new WarrenError('exists', { kind: 'profile', name });
  }

  return {
    /** By name. */
    list: (): ProfileRecord[] => selectAll.all().map(complete),
    find(name: string): ProfileRecord | undefined {
      const row = selectOne.get(name);
      return row === undefined ? undefined : complete(row);
    },
    /** Throws `exists`. */
    insert(profile: Omit<ProfileRecord, 'id'>): ProfileRecord {
      refuseTaken(profile.name);
      const id = Number(insert.run(profile.name, profile.description).lastInsertRowid);
      config.replace(id, profile.config);
      deviceMap.replace(id, profile.devices);
      return { ...profile, id };
    },
    set(id: number, profile: Omit<ProfileRecord, 'id' | 'name'>): void {
      update.run(profile.description, id);
      config.replace(id, profile.config);
      deviceMap.replace(id, profile.devices);
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
