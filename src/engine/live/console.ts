import { closeSync, write } from 'node:fs';
import { ReadStream } from 'node:tty';

import { duplicateFd } from '../../sys/kernel/process.ts';
import { setWindowSize } from '../../sys/kernel/tty.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import type { ConsoleLog } from './console-log.ts';

export interface ConsoleClient {
  onData(data: Buffer): void;
  /** The machine ended. Called once, never after disposing. */
  onEnd(): void;
}

/** One attached client. Disposing detaches it; the machine goes on. */
export interface ConsoleAttachment extends Disposable {
  write(data: Uint8Array): void;
  resize(width: number, height: number): void;
}

/** Input that a guest does not read is dropped beyond this, so that it cannot fill our memory. */
const maxQueuedBytes = 64 * 1024;
const retryMs = 20;

/**
 * The master side of a machine's /dev/console: always read, so that no guest ever blocks on a full
 * pty, into the log and to every client that is attached. A slow client is the client's problem:
 * it must bound what it queues.
 */
export class MachineConsole implements Disposable {
  readonly log: ConsoleLog;
  /**
   * A duplicate for writing: it is closed when no write is under way, or one could hit another
   * file.
   */
  readonly #writeFd: number;
  readonly #keepaliveFd: number | undefined;
  readonly #stream: ReadStream;
  readonly #clients = new Set<ConsoleClient>();
  readonly #onFailure: (error: unknown) => void;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #writing = false;
  #open = true;

  /** Takes ownership of both descriptors. */
  constructor(
    fds: { readonly consoleFd: number; readonly keepaliveFd: number | undefined },
    log: ConsoleLog,
    onFailure: (error: unknown) => void,
  ) {
    this.log = log;
    this.#writeFd = duplicateFd(fds.consoleFd);
    this.#keepaliveFd = fds.keepaliveFd;
    this.#onFailure = onFailure;
    // libuv polls a pty master as it is and makes it non-blocking; closing the stream closes it.
    this.#stream = new ReadStream(fds.consoleFd);
    this.#stream.on('data', (chunk: Buffer) => {
      this.feed(chunk);
    });
    this.#stream.on('error', (error) => {
      // EIO: the last slave was closed, which is how a console ends.
      if (this.#open && !hasErrno(error, 'EIO')) onFailure(error);
    });
    this.#stream.resume();
    this.#stream.unref();
  }

  /** Output that was read elsewhere: what the keeper drained while no daemon was there. */
  feed(chunk: Buffer): void {
    this.log.push(chunk);
    for (const client of this.#clients) client.onData(chunk);
  }

  attach(client: ConsoleClient): ConsoleAttachment {
    this.#clients.add(client);
    return {
      write: (data) => {
        if (this.#clients.has(client)) this.#send(data);
      },
      resize: (width, height) => {
        if (this.#open && this.#clients.has(client))
          setWindowSize(this.#writeFd, { width, height });
      },
      [Symbol.dispose]: () => {
        this.#clients.delete(client);
      },
    };
  }

  /**
   * Stops reading and closes the descriptors; the keeper's duplicates live on. Clients are not
   * told.
   */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#queue = [];
    this.#stream.destroy();
    if (!this.#writing) closeSync(this.#writeFd);
    if (this.#keepaliveFd !== undefined) closeSync(this.#keepaliveFd);
    void this.log.close();
  }

  /** The machine has ended: tells the clients and disposes. */
  end(): void {
    const clients = [...this.#clients];
    this.#clients.clear();
    this[Symbol.dispose]();
    for (const client of clients) client.onEnd();
  }

  #send(data: Uint8Array): void {
    if (!this.#open || this.#queuedBytes + data.length > maxQueuedBytes) return;
    this.#queue.push(data);
    this.#queuedBytes += data.length;
    if (!this.#writing) this.#writeNext();
  }

  /** `#writing` from the first write until the queue is empty or the console is closed. */
  #writeNext(): void {
    const next = this.#queue[0];
    if (!this.#open) closeSync(this.#writeFd);
    this.#writing = next !== undefined && this.#open;
    if (next === undefined || !this.#open) return;
    write(this.#writeFd, next, (error, written) => {
      const full = error !== null && hasErrno(error, 'EAGAIN');
      if (error !== null && !full) {
        if (!hasErrno(error, 'EIO')) this.#onFailure(error);
        this.#queue = [];
        this.#queuedBytes = 0;
      } else if (!full) {
        this.#queuedBytes -= written;
        if (written === next.length) this.#queue.shift();
        else this.#queue[0] = next.subarray(written);
      }
      setTimeout(
        () => {
          this.#writeNext();
        },
        full ? retryMs : 0,
      );
    });
  }
}
