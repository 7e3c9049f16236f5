import { readSync, writeSync } from 'node:fs';

import { closeFd } from '../sys/kernel/socket.ts';
import { hasErrno } from '../sys/sys-error.ts';
import type { Loop, Watch } from './loop.ts';

/** Longest line taken from the other end: messages are small. */
const maxLineBytes = 64 * 1024;

/** JSON lines over a connected, non-blocking socket, which it owns. */
export class Connection {
  readonly #fd: number;
  readonly #watch: Watch;
  readonly #chunk = Buffer.allocUnsafeSlow(16 * 1024);
  #incoming = Buffer.alloc(0);
  #outgoing: Buffer[] = [];
  #open = true;
  /** Called for each line that is JSON. Anything else ends the connection. */
  onMessage: (message: unknown) => void = () => undefined;
  /** Called once, when the other end is gone or was cut off. */
  onClose: () => void = () => undefined;

  constructor(fd: number, loop: Loop) {
    this.#fd = fd;
    this.#watch = loop.watch(fd, 'read', ({ readable, writable, hungUp, failed }) => {
      if (writable) this.#flush();
      if (readable) this.#receive();
      else if (hungUp || failed) this.close();
    });
  }

  send(message: unknown): void {
    if (!this.#open) return;
    this.#outgoing.push(Buffer.from(`${JSON.stringify(message)}\n`));
    this.#flush();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#watch[Symbol.dispose]();
    closeFd(this.#fd);
    this.onClose();
  }

  #receive(): void {
    const length = this.#attempt(() =>
      readSync(this.#fd, this.#chunk, 0, this.#chunk.length, null),
    );
    if (length === undefined) return;
    if (length === 0) {
      this.close();
      return;
    }
    this.#incoming = Buffer.concat([this.#incoming, this.#chunk.subarray(0, length)]);
    for (let end; (end = this.#incoming.indexOf('\n')) !== -1 && this.#open;) {
      const line = this.#incoming.toString('utf8', 0, end);
      this.#incoming = this.#incoming.subarray(end + 1);
      this.#deliver(line);
    }
    if (this.#incoming.length > maxLineBytes) this.close();
  }

  #deliver(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      this.close();
      return;
    }
    this.onMessage(message);
  }

  #flush(): void {
    while (this.#open) {
      const [first] = this.#outgoing;
      if (first === undefined) break;
      const written = this.#attempt(() => writeSync(this.#fd, first));
      if (written === undefined) break;
      if (written < first.length) this.#outgoing[0] = first.subarray(written);
      else this.#outgoing.shift();
    }
    if (this.#open) this.#watch.wait(this.#outgoing.length === 0 ? 'read' : 'both');
  }

  /** Undefined when it would block, or when it failed, which ends the connection. */
  #attempt(call: () => number): number | undefined {
    try {
      return call();
    } catch (error) {
      if (!hasErrno(error, 'EAGAIN', 'EINTR')) this.close();
      return undefined;
    }
  }
}
