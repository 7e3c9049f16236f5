import type { Database } from 'better-sqlite3';

import { WarrenError } from '../contract/errors.ts';
import { likePrefix } from './like.ts';
import { ownedList } from './lists.ts';
import { keyValues } from './maps.ts';
import type { ImageAliasRecord, ImageRecord, ImageSourceRecord } from './records.ts';

interface ImageRow {
  id: number;
  project: string;
  fingerprint: string;
  architecture: string;
  filename: string;
  size_bytes: number;
  public: number;
  auto_update: number;
  cached: number;
  created_at: number;
  uploaded_at: number;
  last_used_at: number | null;
  expires_at: number | null;
  format: ImageRecord['format'];
  recipe: string | null;
}

/** What may change of an image. */
export type ImageSettings = Pick<
  ImageRecord,
  'public' | 'autoUpdate' | 'expiresAtMs' | 'properties' | 'profiles'
>;

/** The tables `images`, `images_properties` and `images_profiles`; aliases have their own. */
export type ImageTable = ReturnType<typeof imageTable>;

export function imageTable(db: Database) {
  const properties = keyValues(db, 'images_properties');
  const profiles = ownedList(db, {
    select: `SELECT image_id AS owner_id, profile AS item FROM images_profiles
      WHERE image_id = ? ORDER BY position`,
    selectAll: `SELECT image_id AS owner_id, profile AS item FROM images_profiles
      ORDER BY image_id, position`,
    clear: 'DELETE FROM images_profiles WHERE image_id = ?',
    insert: 'INSERT INTO images_profiles (image_id, position, profile) VALUES (?, ?, ?)',
  });
  const selectAliases = db.prepare<[number], { name: string; description: string }>(
    'SELECT name, description FROM images_aliases WHERE image_id = ? ORDER BY name',
  );
  const selectAll = db.prepare<[], ImageRow>('SELECT * FROM images ORDER BY uploaded_at, id');
  const selectOf = db.prepare<[string], ImageRow>(
    'SELECT * FROM images WHERE project = ? ORDER BY uploaded_at, id',
  );
  const selectOne = db.prepare<[string, string], ImageRow>(
    'SELECT * FROM images WHERE project = ? AND fingerprint = ?',
  );
  const selectAny = db.prepare<[string], ImageRow>(
    'SELECT * FROM images WHERE fingerprint = ? ORDER BY id LIMIT 1',
  );
  const selectPrefix = db.prepare<[string, string], ImageRow>(
    `SELECT * FROM images WHERE project = ? AND fingerprint LIKE ? ESCAPE '\\'
     ORDER BY fingerprint LIMIT 3`,
  );
  const insert = db.prepare<
    [
      string,
      string,
      string,
      string,
      number,
      number,
      number,
      number,
      number,
      number,
      number | null,
      string,
      string | null,
    ]
  >(`
    INSERT INTO images (project, fingerprint, architecture, filename, size_bytes, public, auto_update, cached,
      created_at, uploaded_at, expires_at, format, recipe)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const updateSettings = db.prepare<[number, number, number | null, number]>(
    'UPDATE images SET public = ?, auto_update = ?, expires_at = ? WHERE id = ?',
  );
  const updateUsed = db.prepare<[number, number]>(
    'UPDATE images SET last_used_at = ? WHERE id = ?',
  );
  const updateCached = db.prepare<[number, number]>('UPDATE images SET cached = ? WHERE id = ?');
  const remove = db.prepare<[number]>('DELETE FROM images WHERE id = ?');
  const selectSource = db.prepare<[number], ImageSourceRecord>(
    'SELECT server, protocol, alias FROM images_sources WHERE image_id = ?',
  );
  const insertSource = db.prepare<[number, string, string, string]>(
    'INSERT INTO images_sources (image_id, server, protocol, alias) VALUES (?, ?, ?, ?)',
  );

  function complete(row: ImageRow): ImageRecord {
    const aliases = selectAliases.all(row.id).map((alias): ImageAliasRecord => ({
      ...alias,
      project: row.project,
      fingerprint: row.fingerprint,
    }));
    return {
      id: row.id,
      project: row.project,
      fingerprint: row.fingerprint,
      architecture: row.architecture,
      filename: row.filename,
      sizeBytes: row.size_bytes,
      public: row.public === 1,
      autoUpdate: row.auto_update === 1,
      cached: row.cached === 1,
      createdAtMs: row.created_at,
      uploadedAtMs: row.uploaded_at,
      lastUsedAtMs: row.last_used_at ?? undefined,
      expiresAtMs: row.expires_at ?? undefined,
      format: row.format,
      recipe: row.recipe ?? undefined,
      source: selectSource.get(row.id),
      properties: properties.read(row.id),
      profiles: profiles.read(row.id),
      aliases,
    };
  }

  return {
    /** Oldest first; those of every project, or of `project`. */
    list: (project?: string): ImageRecord[] =>
      (project === undefined ? selectAll.all() : selectOf.all(project)).map(complete),
    find(project: string, fingerprint: string): ImageRecord | undefined {
      const row = selectOne.get(project, fingerprint);
      return row === undefined ? undefined : complete(row);
    },
    /** The oldest image of these bytes, in any project. */
    findAnywhere(fingerprint: string): ImageRecord | undefined {
      const row = selectAny.get(fingerprint);
      return row === undefined ? undefined : complete(row);
    },
    /** Up to three images of a project whose fingerprint begins with `prefix`. */
    findByPrefix: (project: string, prefix: string): ImageRecord[] =>
      selectPrefix.all(project, likePrefix(prefix)).map(complete),
    /** Throws `exists`. */
    insert(image: Omit<ImageRecord, 'id' | 'aliases' | 'lastUsedAtMs'>): number {
      if (selectOne.get(image.project, image.fingerprint) !== undefined) {
        throw new WarrenError('exists', { kind: 'image', name: image.fingerprint.slice(0, 12) });
      }
      const result = insert.run(
        image.project,
        image.fingerprint,
        image.architecture,
        image.filename,
        image.sizeBytes,
        image.public ? 1 : 0,
        image.autoUpdate ? 1 : 0,
        image.cached ? 1 : 0,
        image.createdAtMs,
        image.uploadedAtMs,
        image.expiresAtMs ?? null,
        image.format,
        image.recipe ?? null,
      );
      const id = Number(result.lastInsertRowid);
      properties.replace(id, image.properties);
      profiles.replace(id, image.profiles);
      if (image.source !== undefined) {
        const { server, protocol, alias } = image.source;
        insertSource.run(id, server, protocol, alias);
      }
      return id;
    },
    setSettings(id: number, settings: ImageSettings): void {
      const { autoUpdate, expiresAtMs } = settings;
      updateSettings.run(settings.public ? 1 : 0, autoUpdate ? 1 : 0, expiresAtMs ?? null, id);
      properties.replace(id, settings.properties);
      profiles.replace(id, settings.profiles);
    },
    setCached(id: number, cached: boolean): void {
      updateCached.run(cached ? 1 : 0, id);
    },
    setUsed(id: number, atMs: number): void {
      updateUsed.run(atMs, id);
    },
    delete(id: number): void {
      remove.run(id);
    },
  };
}
