import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';

import Sqlite from 'better-sqlite3';

import { WarrenError } from '../contract/errors.ts';

/** SQLite's failures that a user can do something about, as sentences; others pass unchanged. */
export function explain(error: unknown, path: string): unknown {
  if (!(error instanceof Sqlite.SqliteError)) return error;
  if (error.code === 'SQLITE_FULL' || (isInputOutput(error) && isFull(dirname(path)))) {
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
  if (isInputOutput(error)) {
    return new WarrenError(
      'unsupported',
      { what: 'use the database', why: `${path} cannot be read or written (${error.message})` },
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

function isInputOutput({ code }: { readonly code: string }): boolean {
  return code.startsWith('SQLITE_IOERR');
}

/** SQLite says only "disk I/O error" where its shared memory or its journal found no room. */
function isFull(directory: string): boolean {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize < smallestUsefulBytes;
}

/** The shared memory of the write-ahead log and a few pages. */
const smallestUsefulBytes = 128 * 1024;
