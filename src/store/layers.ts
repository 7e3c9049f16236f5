import type { Database } from 'better-sqlite3';

import type { LayerRecord } from './records.ts';

interface LayerRow {
  id: string;
  owner_start: number;
  owner_size: number;
  shifted_from: string | null;
}

export interface LayerUser {
  readonly layer: string;
  readonly kind: 'instance' | 'snapshot' | 'image' | 'copy';
  /** Of the machine, snapshot (`machine/snapshot`), image (fingerprint) or layer. */
  readonly name: string;
}

/**
 * The tables `layers` and `images_layers`. What machines and snapshots stand on, they say
 * themselves.
 */
export type LayerTable = ReturnType<typeof layerTable>;

export function layerTable(db: Database) {
  const selectAll = db.prepare<[], LayerRow>('SELECT * FROM layers ORDER BY id');
  const selectOne = db.prepare<[string], LayerRow>('SELECT * FROM layers WHERE id = ?');
  const selectShifted = db.prepare<[string, number, number], LayerRow>(
    'SELECT * FROM layers WHERE shifted_from = ? AND owner_start = ? AND owner_size = ?',
  );
  const selectOfImage = db.prepare<[number], LayerRow>(
    `SELECT layers.* FROM layers JOIN images_layers ON layer_id = layers.id WHERE image_id = ?
     ORDER BY shifted_from IS NOT NULL, owner_start`,
  );
  const selectUnused = db.prepare<[], { id: string }>(`
    SELECT id FROM layers
    WHERE NOT EXISTS (SELECT 1 FROM instances_layers WHERE layer_id = id)
      AND NOT EXISTS (SELECT 1 FROM snapshots_layers WHERE layer_id = id)
      AND NOT EXISTS (SELECT 1 FROM images_layers WHERE layer_id = id)
      AND NOT EXISTS (SELECT 1 FROM layers AS copy WHERE copy.shifted_from = layers.id)`);
  const selectUsers = db.prepare<[], LayerUser>(`
    SELECT layer_id AS layer, 'instance' AS kind, name FROM instances_layers
      JOIN instances ON instances.id = owner_id
    UNION ALL SELECT layer_id, 'snapshot', instances.name || '/' || snapshots.name FROM snapshots_layers
      JOIN snapshots ON snapshots.id = owner_id JOIN instances ON instances.id = instance_id
    UNION ALL SELECT layer_id, 'image', substr(fingerprint, 1, 12) FROM images_layers
      JOIN images ON images.id = image_id
    UNION ALL SELECT shifted_from, 'copy', id FROM layers WHERE shifted_from IS NOT NULL`);
  const insert = db.prepare<[string, number, number, string | null]>(
    'INSERT INTO layers (id, owner_start, owner_size, shifted_from) VALUES (?, ?, ?, ?)',
  );
  const insertImage = db.prepare<[number, string]>(
    'INSERT OR IGNORE INTO images_layers (image_id, layer_id) VALUES (?, ?)',
  );
  const removeImage = db.prepare<[string]>('DELETE FROM images_layers WHERE layer_id = ?');
  const remove = db.prepare<[string]>('DELETE FROM layers WHERE id = ?');

  return {
    list: (): LayerRecord[] => selectAll.all().map(record),
    /** Everything that stands on a layer, once for each. */
    listUsers: (): LayerUser[] => selectUsers.all(),
    find(id: string): LayerRecord | undefined {
      const row = selectOne.get(id);
      return row === undefined ? undefined : record(row);
    },
    /** The copy of `id` for other ids, when there is one. */
    findShifted(id: string, owner: LayerRecord['owner']): LayerRecord | undefined {
      const row = selectShifted.get(id, owner.start, owner.size);
      return row === undefined ? undefined : record(row);
    },
    /** Of one image, the original first. */
    listOfImage: (imageId: number): LayerRecord[] => selectOfImage.all(imageId).map(record),
    insert(layer: LayerRecord): void {
      insert.run(layer.id, layer.owner.start, layer.owner.size, layer.shiftedFrom ?? null);
    },
    addToImage(imageId: number, layerId: string): void {
      insertImage.run(imageId, layerId);
    },
    removeFromImages(layerId: string): void {
      removeImage.run(layerId);
    },
    /**
     * Forgets every layer that no machine, snapshot, image or copy for other ids stands on, and
     * returns their ids: the caller then removes the directories, in that order. Those in `held`
     * stay. A death in between leaves directories without rows, which recovery removes.
     */
    takeUnused(held: { has(layer: string): boolean }): string[] {
      const all: string[] = [];
      for (;;) {
        const unused = selectUnused
          .all()
          .map(({ id }) => id)
          .filter((id) => !held.has(id));
        if (unused.length === 0) return all;
        for (const id of unused) remove.run(id);
        // An original may have been held by its copies alone.
        all.push(...unused);
      }
    },
  };
}

function record(row: LayerRow): LayerRecord {
  return {
    id: row.id,
    owner: { start: row.owner_start, size: row.owner_size },
    shiftedFrom: row.shifted_from ?? undefined,
  };
}
