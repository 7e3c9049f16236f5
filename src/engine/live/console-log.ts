import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';

import type { HostPath } from '../../base/brand.ts';
import { ByteRing } from '../../base/ring.ts';
import { hasErrno } from '../../sys/sys-error.ts';

/** Bytes of console output kept per machine, in memory and (up to twice as much) on disk. */
const consoleLogBytes = 128 * 1024;

const flushDelayMs = 250;
const { O_WRONLY, O_RDONLY, O_CREAT, O_TRUNC, O_APPEND, O_NOFOLLOW } = constants;

/**
 * What a machine wrote to its console, bounded however much it writes: a ring, and a file beside
 * its root (never in it) that is rewritten from the ring when it has grown too long.
 */
export class ConsoleLog {
  readonly #path: HostPath;
  readonly #ring = new ByteRing(consoleLogBytes);
  readonly #onFailure: (error: unknown) => void;
  #unwritten: Buffer[] = [];
  #unwrittenBytes = 0;
  #fileBytes: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: HostPath, onFailure: (error: unknown) => void) {
    this.#path = path;
    this.#onFailure = onFailure;
  }

  push(chunk: Buffer): void {
    this.#ring.push(chunk);
    this.#unwritten.push(chunk);
    this.#unwrittenBytes += chunk.length;
    if (this.#unwrittenBytes > consoleLogBytes) {
      // More than the file may hold at all: the ring has what counts.
      this.#unwritten = [];
      this.#fileBytes = Infinity;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.flush();
    }, flushDelayMs);
  }

  /** Writes out what is pending. Never throws. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write()).catch(this.#onFailure);
    return this.#writing;
  }

  async clear(): Promise<void> {
    await this.flush();
    this.#ring.clear();
    this.#fileBytes = 0;
    await rm(this.#path, { force: true });
  }

  /** Flushes and stops the timer. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.flush();
  }

  async #write(): Promise<void> {
    if (this.#unwrittenBytes === 0) return;
    const pending = this.#unwritten;
    this.#unwritten = [];
    this.#unwrittenBytes = 0;
    const known = this.#fileBytes;
    const bytes = pending.reduce((sum, chunk) => sum + chunk.length, 0);
    const rewrite = known !== undefined && known + bytes > 2 * consoleLogBytes;
    const flags = O_WRONLY | O_CREAT | O_NOFOLLOW | (rewrite ? O_TRUNC : O_APPEND);
    await using file = await open(this.#path, flags, 0o600);
    await file.writeFile(rewrite ? this.#ring.read() : Buffer.concat(pending));
    this.#fileBytes = (await file.stat()).size;
  }
}

/** The end of a machine's console log, also when it does not run; empty when there is none. */
export async function readConsoleLogFile(path: HostPath): Promise<Buffer> {
  try {
    await using file = await open(path, O_RDONLY | O_NOFOLLOW);
    const { size } = await file.stat();
    const length = Math.min(size, consoleLogBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return Buffer.alloc(0);
    throw error;
  }
}
