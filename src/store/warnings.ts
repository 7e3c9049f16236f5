import { randomUUID } from 'node:crypto';

import type { Database } from 'better-sqlite3';

import type { WarningRecord } from './records.ts';

interface WarningRow {
  id: string;
  type: string;
  severity: WarningRecord['severity'];
  status: WarningRecord['status'];
  entity: string;
  message: string;
  count: number;
  first_seen: number;
  last_seen: number;
}

/** The table `warnings`: one row per type and entity, however often it is raised. */
export type WarningTable = ReturnType<typeof warningTable>;

export function warningTable(db: Database) {
  const selectAll = db.prepare<[], WarningRow>(
    'SELECT * FROM warnings ORDER BY last_seen DESC, id',
  );
  const selectOne = db.prepare<[string], WarningRow>('SELECT * FROM warnings WHERE id = ?');
  const upsert = db.prepare<[string, string, string, string, string, number, number]>(`
    INSERT INTO warnings (id, type, severity, status, entity, message, count, first_seen, last_seen)
    VALUES (?, ?, ?, 'new', ?, ?, 1, ?, ?)
    ON CONFLICT (type, entity) DO UPDATE SET severity = excluded.severity, message = excluded.message,
      count = count + 1, last_seen = excluded.last_seen,
      status = CASE status WHEN 'resolved' THEN 'new' ELSE status END`);
  const updateStatus = db.prepare<[string, string]>('UPDATE warnings SET status = ? WHERE id = ?');
  const resolve = db.prepare<[string, string]>(
    `UPDATE warnings SET status = 'resolved' WHERE type = ? AND entity = ?`,
  );
  const remove = db.prepare<[string]>('DELETE FROM warnings WHERE id = ?');
  const removeOf = db.prepare<[string]>('DELETE FROM warnings WHERE entity = ?');

  return {
    /** Newest first. */
    list: (): WarningRecord[] => selectAll.all().map(record),
    find(id: string): WarningRecord | undefined {
      const row = selectOne.get(id);
      return row === undefined ? undefined : record(row);
    },
    raise(
      warning: Pick<WarningRecord, 'type' | 'severity' | 'entity' | 'message'>,
      atMs: number,
    ): void {
      const { type, severity, entity, message } = warning;
      upsert.run(randomUUID(), type, severity, entity, message, atMs, atMs);
    },
    resolve(type: string, entity: string): void {
      resolve.run(type, entity);
    },
    setStatus(id: string, status: WarningRecord['status']): void {
      updateStatus.run(status, id);
    },
    delete(id: string): void {
      remove.run(id);
    },
    deleteOf(entity: string): void {
      removeOf.run(entity);
    },
  };
}

function record(row: WarningRow): WarningRecord {
  const { first_seen: firstSeenMs, last_seen: lastSeenMs, ...rest } = row;
  return { ...rest, firstSeenMs, lastSeenMs };
}
