import { randomBytes, timingSafeEqual } from 'node:crypto';

import { WarrenError } from '../../contract/errors.ts';

import type { WebSocket } from 'ws';

/** How long a client may take to connect the sockets that the work needs. LXD gives 5 s. */
const connectTimeoutMs = 5_000;
const pingIntervalMs = 10_000;
/** No closing frame came: the client has died, or its connection has (RFC 6455, 7.1.5). */
const brokenOff = 1006;

/**
 * The websockets of one operation: each has a name (`0`, `1`, `2`, `control`) and a secret that a
 * client must know to connect it, once.
 */
export class OperationSockets {
  readonly #secrets = new Map<string, string>();
  readonly #sockets = new Map<string, WebSocket>();
  #waiting: { readonly required: readonly string[]; readonly resolve: () => void } | undefined;
  readonly #lost = new Set<string>();
  #onLost: (() => void) | undefined;
  #onClosed: ((name: string) => void) | undefined;
  #onConnect: ((name: string, socket: WebSocket) => void) | undefined;
  #closed = false;

  constructor(names: readonly string[]) {
    for (const name of names) this.#secrets.set(name, randomBytes(32).toString('hex'));
  }

  /** Name → secret, for the operation's metadata. */
  get fds(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#secrets);
  }

  /** The name a secret opens, or undefined when it opens none or did so already. */
  match(secret: string): string | undefined {
    for (const [name, known] of this.#secrets) {
      const isIt =
        secret.length === known.length && timingSafeEqual(Buffer.from(secret), Buffer.from(known));
      if (isIt) return this.#closed || this.#sockets.has(name) ? undefined : name;
    }
    return undefined;
  }

  /** Takes over an accepted websocket whose secret `match` found good. */
  connect(name: string, socket: WebSocket): void {
    this.#sockets.set(name, socket);
    socket.on('error', () => {
      socket.terminate();
    });
    // Nothing is read before the work listens: frames must not be lost.
    socket.pause();
    const ping = setInterval(() => {
      if (socket.readyState === socket.OPEN) socket.ping();
    }, pingIntervalMs);
    socket.once('close', (code) => {
      clearInterval(ping);
      if (code === brokenOff) this.#lost.add(name);
      else this.#onClosed?.(name);
      this.#onLost?.();
    });
    this.#onConnect?.(name, socket);
    const waiting = this.#waiting;
    if (waiting?.required.every((required) => this.#sockets.has(required)) === true) {
      this.#waiting = undefined;
      waiting.resolve();
    }
  }

  get(name: string): WebSocket | undefined {
    return this.#sockets.get(name);
  }

  /** Calls back for each socket that is or becomes connected. */
  onConnect(listener: (name: string, socket: WebSocket) => void): void {
    for (const [name, socket] of this.#sockets) listener(name, socket);
    this.#onConnect = listener;
  }

  /** Calls back for each socket that its client closes from now on, properly. */
  onClosed(listener: (name: string) => void): void {
    this.#onClosed = listener;
  }

  /** Calls back once when all of `names` have been connected and then broke off. */
  onLost(names: readonly string[], listener: () => void): void {
    this.#onLost = () => {
      if (!names.every((name) => this.#lost.has(name))) return;
      this.#onLost = undefined;
      listener();
    };
    this.#onLost();
  }

  /** Resolves when all of `required` are connected. Throws `timeout` after 5 s, `cancelled`. */
  async connected(required: readonly string[], signal: AbortSignal): Promise<void> {
    if (required.every((name) => this.#sockets.has(name))) return;
    const what = 'wait for the client to connect';
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new WarrenError('timeout', { what, seconds: connectTimeoutMs / 1000 }));
      }, connectTimeoutMs);
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(new WarrenError('cancelled', { what }));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting = {
        required,
        resolve: () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
    });
  }

  /** Closes what is still open; no secret opens anything afterwards. */
  close(): void {
    this.#closed = true;
    for (const socket of this.#sockets.values()) {
      socket.resume();
      if (socket.readyState === socket.OPEN) socket.close(1000);
    }
  }
}
