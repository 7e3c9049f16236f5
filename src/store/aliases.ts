import type { Database } from 'better-sqlite3';

import { WarrenError } from '../contract/errors.ts';
import type { ImageAliasRecord } from './records.ts';

const columns = `SELECT images_aliases.name, images_aliases.description, images.fingerprint
  FROM images_aliases JOIN images ON images.id = image_id`;

/** The table `images_aliases`. */
export type AliasTable = ReturnType<typeof aliasTable>;

export function aliasTable(db: Database) {
  const selectAll = db.prepare<[], ImageAliasRecord>(`${columns} ORDER BY images_aliases.name`);
  const selectOne = db.prepare<[string], ImageAliasRecord>(
    `${columns} WHERE images_aliases.name = ?`,
  );
  const insert = db.prepare<[string, string, number]>(
    'INSERT INTO images_aliases (name, description, image_id) VALUES (?, ?, ?)',
  );
  const update = db.prepare<[string, number, string]>(
    'UPDATE images_aliases SET description = ?, image_id = ? WHERE name = ?',
  );
  const updateName = db.prepare<[string, string]>(
    'UPDATE images_aliases SET name = ? WHERE name = ?',
  );
  const remove = db.prepare<[string]>('DELETE FROM images_aliases WHERE name = ?');

  function refuseTaken(name: string): void {
    if (selectOne.get(name) !== undefined) {
      throw new WarrenError('exists', { kind: 'image alias', name });
    }
  }

  return {
    /** By name. */
    list: (): ImageAliasRecord[] => selectAll.all(),
    find: (name: string): ImageAliasRecord | undefined => selectOne.get(name),
    /** Throws `exists`. */
    insert(alias: {
      readonly name: string;
      readonly description: string;
      readonly imageId: number;
    }): void {
      refuseTaken(alias.name);
      insert.run(alias.name, alias.description, alias.imageId);
    },
    set(name: string, description: string, imageId: number): void {
      update.run(description, imageId, name);
    },
    /** Throws `exists`. */
    rename(name: string, newName: string): void {
      refuseTaken(newName);
      updateName.run(newName, name);
    },
    delete(name: string): void {
      remove.run(name);
    },
  };
}
