import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

import type { ExitRecord } from '../contract/keeper.ts';
import { hasErrno } from '../sys/sys-error.ts';
import type { Log } from './log.ts';

/** First line of a journal that has forgotten something: numbers go on after it. */
interface Header {
  readonly forgotten: number;
}

/**
 * The exits that no daemon has recorded yet, one JSON object a line. A record is on disk before
 * anybody learns of it, and survives the keeper. A line that a crash cut short is dropped when the
 * journal is opened; nobody was told of it.
 */
export class ExitJournal {
  readonly #path: string;
  readonly #log: Log;
  #fd: number;
  #records: ExitRecord[];
  #lastSequence: number;
  /** Records that could not be written, because the disk was full; the next append tries again. */
  #unwritten: ExitRecord[] = [];

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
    this.#fd = openSync(path, 'a+', 0o600);
    const text = readFileSync(path, 'utf8');
    const { records, lastSequence } = parseJournal(text);
    this.#records = records;
    this.#lastSequence = lastSequence;
    const whole = text.lastIndexOf('\n') + 1;
    if (whole < text.length) ftruncateSync(this.#fd, Buffer.byteLength(text.slice(0, whole)));
  }

  /** Oldest first. */
  get records(): readonly ExitRecord[] {
    return this.#records;
  }

  /** Writes a record and answers it with its number. */
  append(exit: Omit<ExitRecord, 'sequence'>): ExitRecord {
    const record: ExitRecord = { sequence: ++this.#lastSequence, ...exit };
    this.#records.push(record);
    this.#unwritten.push(record);
    const { size } = fstatSync(this.#fd);
    try {
      writeAll(this.#fd, this.#unwritten.map(toLine).join(''));
      fsyncSync(this.#fd);
      this.#unwritten = [];
    } catch (error) {
      this.#log(`the exit journal could not be written: ${String(error)}`);
      // Half a line would spoil the next one.
      ftruncateSync(this.#fd, size);
    }
    return record;
  }

  /**
   * Drops what is up to and including `sequence`: writes a shorter journal and puts it in place.
   */
  forget(sequence: number): void {
    const upTo = Math.min(sequence, this.#lastSequence);
    const kept = this.#records.filter((record) => record.sequence > upTo);
    if (kept.length === this.#records.length) return;
    const temporary = `${this.#path}.new`;
    const fd = openSync(temporary, 'w', 0o600);
    try {
      const header: Header = { forgotten: upTo };
      writeAll(fd, toLine(header) + kept.map(toLine).join(''));
      fsyncSync(fd);
      renameSync(temporary, this.#path);
    } catch (error) {
      rmSync(temporary, { force: true });
      if (!hasErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
      // What a daemon hears of twice does no harm; the next call drops these as well.
      this.#log(`the exit journal could not be shortened: ${String(error)}`);
      return;
    } finally {
      closeSync(fd);
    }
    syncDirectory(dirname(this.#path));
    closeSync(this.#fd);
    this.#fd = openSync(this.#path, 'a+', 0o600);
    this.#records = kept;
    this.#unwritten = [];
  }
}

/** Reads what is whole and makes sense; anything else is left out. */
export function parseJournal(text: string): {
  readonly records: ExitRecord[];
  readonly lastSequence: number;
} {
  const records: ExitRecord[] = [];
  let lastSequence = 0;
  for (const line of text.split('\n').slice(0, -1)) {
    const entry = parseLine(line);
    if (entry === undefined) continue;
    if ('forgotten' in entry) {
      lastSequence = Math.max(lastSequence, entry.forgotten);
    } else if (entry.sequence > lastSequence) {
      records.push(entry);
      lastSequence = entry.sequence;
    }
  }
  return { records, lastSequence };
}

function parseLine(line: string): ExitRecord | Header | undefined {
  try {
    const value = JSON.parse(line) as Partial<ExitRecord & Header> | null;
    if (typeof value?.forgotten === 'number') return { forgotten: value.forgotten };
    const isRecord =
      typeof value?.sequence === 'number' &&
      typeof value.pid === 'number' &&
      typeof value.startTime === 'number' &&
      typeof value.exit === 'object';
    return isRecord ? (value as ExitRecord) : undefined;
  } catch {
    return undefined;
  }
}

function toLine(value: ExitRecord | Header): string {
  return `${JSON.stringify(value)}\n`;
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let offset = 0; offset < bytes.length;) offset += writeSync(fd, bytes, offset);
}

/** A rename is on disk only when its directory is (man 2 fsync). */
function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
