import type { Database } from 'better-sqlite3';

import type { MetadataRecord } from './records.ts';

/** The tables `images_metadata` and `images_templates`, or those of instances. */
export type TemplateTable = ReturnType<typeof templateTable>;

export function templateTable(db: Database, owner: 'images' | 'instances') {
  const select = db.prepare<[number], { metadata: string }>(
    `SELECT metadata FROM ${owner}_metadata WHERE owner_id = ?`,
  );
  const selectFiles = db.prepare<[number], { name: string; content: string }>(
    `SELECT name, content FROM ${owner}_templates WHERE owner_id = ? ORDER BY name`,
  );
  const upsert = db.prepare<[number, string]>(
    `INSERT INTO ${owner}_metadata (owner_id, metadata) VALUES (?, ?)
     ON CONFLICT (owner_id) DO UPDATE SET metadata = excluded.metadata`,
  );
  const upsertFile = db.prepare<[number, string, string]>(
    `INSERT INTO ${owner}_templates (owner_id, name, content) VALUES (?, ?, ?)
     ON CONFLICT (owner_id, name) DO UPDATE SET content = excluded.content`,
  );
  const removeFile = db.prepare<[number, string]>(
    `DELETE FROM ${owner}_templates WHERE owner_id = ? AND name = ?`,
  );
  const clearFiles = db.prepare<[number]>(`DELETE FROM ${owner}_templates WHERE owner_id = ?`);

  function setFile(ownerId: number, name: string, content: string): void {
    upsertFile.run(ownerId, name, content);
  }

  return {
    /** Undefined for what was made before metadata was kept. */
    find(ownerId: number): MetadataRecord | undefined {
      const row = select.get(ownerId);
      if (row === undefined) return undefined;
      const files = selectFiles.all(ownerId).map(({ name, content }) => [name, content] as const);
      return { metadata: row.metadata, files: Object.fromEntries(files) };
    },
    replace(ownerId: number, { metadata, files }: MetadataRecord): void {
      upsert.run(ownerId, metadata);
      clearFiles.run(ownerId);
      for (const [name, content] of Object.entries(files)) setFile(ownerId, name, content);
    },
    setMetadata(ownerId: number, metadata: string): void {
      upsert.run(ownerId, metadata);
    },
    setFile,
    /** Whether it was there. */
    removeFile: (ownerId: number, name: string): boolean =>
      removeFile.run(ownerId, name).changes > 0,
  };
}
