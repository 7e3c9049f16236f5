import type { Database } from 'better-sqlite3';

import type { SliceRecord } from './records.ts';

interface SliceRow {
  id: number;
  start: number;
  size: number;
  isolated: number;
}

/** The table `slices`. A row lives as long as a machine uses it. */
export type SliceTable = ReturnType<typeof sliceTable>;

export function sliceTable(db: Database) {
  const selectAll = db.prepare<[], SliceRow>('SELECT * FROM slices ORDER BY start');
  const insert = db.prepare<[number, number, number]>(
    'INSERT INTO slices (start, size, isolated) VALUES (?, ?, ?)',
  );
  const update = db.prepare<[number, number, number]>(
    'UPDATE slices SET size = ?, isolated = ? WHERE id = ?',
  );
  const removeUnused = db.prepare(
    'DELETE FROM slices WHERE NOT EXISTS (SELECT 1 FROM instances WHERE slice_id = slices.id)',
  );
  return {
    /** By start. */
    list: (): (SliceRecord & { readonly id: number })[] =>
      selectAll.all().map((row) => ({ ...row, isolated: row.isolated === 1 })),
    insert(slice: SliceRecord): number {
      return Number(insert.run(slice.start, slice.size, slice.isolated ? 1 : 0).lastInsertRowid);
    },
    /** Another size, or for others too. */
    change(id: number, { size, isolated }: Omit<SliceRecord, 'start'>): void {
      update.run(size, isolated ? 1 : 0, id);
    },
    /** Gives back what no machine has. */
    removeUnused(): void {
      removeUnused.run();
    },
  };
}
