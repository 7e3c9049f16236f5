import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

import pino from 'pino';

import { isForeseen } from './failures.ts';

import type { LoggingMetadata } from '../contract/api/events.ts';
import type { Logger } from 'pino';
import type { EventHub } from './events/hub.ts';

const levels: Readonly<Record<number, LoggingMetadata['level']>> = {
  10: 'debug',
  20: 'debug',
  30: 'info',
  40: 'warning',
  50: 'error',
  60: 'error',
};

/** Longest log file; there is one older one of the same length beside it (`.1`). */
const maxLogBytes = 8 * 1024 * 1024;

/**
 * A logger whose lines go to a file of bounded size, at once and not when a buffer is full, and to
 * those who watch `logging` events.
 */
export function createLogger(path: string, hub: EventHub, level = 'info'): Logger {
  const file = new BoundedFile(path, maxLogBytes);
  return pino(
    {
      level,
      base: { daemon: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: describeError },
    },
    {
      write(line: string) {
        file.write(line);
        if (hub.isWanted('logging')) hub.emit('logging', loggingMetadata(line));
      },
    },
  );
}

/**
 * What was foreseen is told by its sentence, with what caused it; where it was thrown tells of bugs
 * alone.
 */
function describeError(error: Error): object {
  if (!isForeseen(error) || error.code === 'bug') return pino.stdSerializers.err(error);
  const { code, details, cause } = error;
  const message = cause instanceof Error ? `${error.message} (${cause.message})` : error.message;
  return { type: error.name, code, message, details };
}

/** A line of pino's JSON as LXD's clients want it: every value of the context is text. */
export function loggingMetadata(line: string): LoggingMetadata {
  const { level, msg, ...context } = JSON.parse(line) as Record<string, unknown>;
  const texts = Object.entries(context)
    .filter(([key]) => key !== 'time' && key !== 'daemon')
    .map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]);
  return {
    message: typeof msg === 'string' ? msg : '',
    level: levels[Number(level)] ?? 'info',
    context: Object.fromEntries(texts) as LoggingMetadata['context'],
  };
}

/** An append-only file that is renamed to `PATH.1` when it is full. */
export class BoundedFile {
  readonly #path: string;
  readonly #maxBytes: number;
  #fd: number;
  #size: number;

  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#fd = openSync(path, 'a', 0o600);
    this.#size = fstatSync(this.#fd).size;
  }

  /** Never throws: a full disk must not end what is being logged. */
  write(text: string): void {
    try {
      if (this.#size >= this.#maxBytes) this.#rotate();
      this.#size += writeSync(this.#fd, text);
    } catch {
      // There is nowhere left to say it.
    }
  }

  #rotate(): void {
    renameSync(this.#path, `${this.#path}.1`);
    const next = openSync(this.#path, 'a', 0o600);
    closeSync(this.#fd);
    this.#fd = next;
    this.#size = 0;
  }
}
