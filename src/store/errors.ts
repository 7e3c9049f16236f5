import { dirname } from 'node:path';

import Sqlite from 'better-sqlite3';

import { WarrenError } from '../contract/errors.ts';

/** SQLite's failures that a user can do something about, as sentences; others pass unchanged. */
export function explain(error: unknown, path: string): unknown {
  if (!(error instanceof Sqlite.SqliteError)) return error;
  if (error.code === 'SQLITE_FULL') {
    return new WarrenError(
      'no_space',
      { what: 'write the database', where: dirname(path) },
      { cause: error },
    );
  }
  if (error.code === 'SQLITE_CORRUPT' || error.code === 'SQLITE_NOTADB') {
    return new WarrenError(
      'unsupported',
      { what: 'read the database', why: `${path} is damaged (${error.message})` },
      { cause: error },
    );
  }
  if (error.code === 'SQLITE_BUSY') {
    return new WarrenError(
      'unsupported',
      { what: 'use the database', why: `${path} is locked by another process` },
      { cause: error },
    );
  }
  return error;
}
