import type { Database } from 'better-sqlite3';

import { WarrenError } from '../contract/errors.ts';
import type { ImageAliasRecord } from './records.ts';

const columns = `SELECT images_aliases.project, images_aliases.name, images_aliases.description,
  images.fingerprint FROM images_aliases JOIN images ON images.id = image_id`;

/** The table `images_aliases`. Names are those of one project. */
export type AliasTable = ReturnType<typeof aliasTable>;

export function aliasTable(db: Database) {
  const selectAll = db.prepare<[string], ImageAliasRecord>(
    `${columns} WHERE images_aliases.project = ? ORDER BY images_aliases.name`,
  );
  const selectOne = db.prepare<[string, string], ImageAliasRecord>(
    `${columns} WHERE images_aliases.project = ? AND images_aliases.name = ?`,
  );
  const insert = db.prepare<[string, string, string, number]>(
    'INSERT INTO images_aliases (project, name, description, image_id) VALUES (?, ?, ?, ?)',
  );
  const update = db.prepare<[string, number, string, string]>(
    'UPDATE images_aliases SET description = ?, image_id = ? WHERE project = ? AND name = ?',
  );
  const updateName = db.prepare<[string, string, string]>(
    'UPDATE images_aliases SET name = ? WHERE project = ? AND name = ?',
  );
  const remove = db.prepare<[string, string]>(
    'DELETE FROM images_aliases WHERE project = ? AND name = ?',
  );

  function refuseTaken(project: string, name: string): void {
    if (selectOne.get(project, name) !== undefined) {
      throw new WarrenError('exists', { kind: 'image alias', name });
    }
  }

  return {
    /** By name. */
    list: (project: string): ImageAliasRecord[] => selectAll.all(project),
    find: (project: string, name: string): ImageAliasRecord | undefined =>
      selectOne.get(project, name),
    /** Throws `exists`. `imageId` is an image of that project. */
    insert(alias: {
      readonly project: string;
      readonly name: string;
      readonly description: string;
      readonly imageId: number;
    }): void {
      refuseTaken(alias.project, alias.name);
      insert.run(alias.project, alias.name, alias.description, alias.imageId);
    },
    set(project: string, name: string, description: string, imageId: number): void {
      update.run(description, imageId, project, name);
    },
    /** Throws `exists`. */
    rename(project: string, name: string, newName: string): void {
      refuseTaken(project, newName);
      updateName.run(newName, project, name);
    },
    delete(project: string, name: string): void {
      remove.run(project, name);
    },
  };
}
