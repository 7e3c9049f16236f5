import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';

import { hasErrno } from '../sys/sys-error.ts';

/** Replaces a small file as a whole: a reader finds the old or the new content, never a part. */
export function writeRecord(path: string, text: string): void {
  const temporary = `${path}.new`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
}

/** The JSON in a file; undefined when there is none, or it makes no sense. */
export function readRecord<T>(path: string): Partial<T> | undefined {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as unknown;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Absent is fine. */
export function removeRecord(path: string): void {
  rmSync(path, { force: true });
}
