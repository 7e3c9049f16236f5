import { WarrenError } from '../contract/errors.ts';

import type { Client } from './client.ts';
import type { Operation } from '../contract/api/operations.ts';

/** Told how an operation that somebody waits for gets on. */
export interface OperationObserver {
  /** Whether anybody looks: without that, progress is not asked for. */
  readonly wanted: boolean;
  progress(operation: Operation): void;
}

/** Longest single `/wait`, so that a connection that died unnoticed is noticed. Seconds. */
const waitSeconds = 60;
/** What finishes sooner shows no progress. */
const firstLookMs = 300;
const lookEveryMs = 150;

type Caller = Pick<Client, 'get' | 'change'>;

/**
 * Waits by long poll: one connection blocks in `/wait`, which answers at the instant the operation
 * ends, while a second one looks at its progress now and then. That needs no websocket, whose
 * library costs more to load than most commands take.
 */
export class OperationWatch {
  readonly #client: Caller;
  readonly #observer: OperationObserver | undefined;
  readonly #waitingFor = new Set<string>();

  constructor(client: Caller, observer: OperationObserver | undefined) {
    this.#client = client;
    this.#observer = observer;
  }

  /** The operation in its final state, whatever that is. */
  async wait(operation: Operation): Promise<Operation> {
    if (operation.status_code >= 200) return operation;
    const path = `/1.0/operations/${operation.id}`;
    const looking = this.#look(path);
    this.#waitingFor.add(path);
    try {
      for (;;) {
        const now = await this.#longPoll(operation, path);
        if (now.status_code >= 200) return now;
      }
    } finally {
      this.#waitingFor.delete(path);
      looking.stop();
    }
  }

  /** Asks the server to cancel whatever is waited for. False when nothing is. */
  async cancelAll(): Promise<boolean> {
    const paths = [...this.#waitingFor];
    await Promise.all(paths.map((path) => this.#client.change('DELETE', path)));
    return paths.length > 0;
  }

  async #longPoll(operation: Operation, path: string): Promise<Operation> {
    try {
      return await this.#client.get<Operation>(`${path}/wait`, { timeout: waitSeconds });
    } catch (error) {
      // Operations live in the daemon's memory. Whoever restarted it also repaired what was half
      // done.
      const lost =
        error instanceof WarrenError &&
        (error.code === 'not_found' || error.code === 'daemon_unreachable');
      if (!lost) throw error;
      throw new WarrenError(
        'wrong_state',
        {
          name: `"${operation.description}"`,
          action: 'follow',
          state: 'lost: the daemon ended meanwhile',
          wanted: 'a daemon that stays',
          hint: 'warren list',
        },
        { cause: error },
      );
    }
  }

  #look(path: string): { stop: () => void } {
    const observer = this.#observer;
    if (observer?.wanted !== true) return { stop: () => undefined };
    let stopped = false;
    let timer: NodeJS.Timeout | undefined;
    const look = async (): Promise<void> => {
      // Whatever goes wrong here, the long poll sees it too and says so.
      const now = await this.#client.get<Operation>(path).catch(() => undefined);
      if (stopped) return;
      if (now !== undefined) observer.progress(now);
      timer = setTimeout(() => void look(), lookEveryMs);
    };
    timer = setTimeout(() => void look(), firstLookMs);
    return {
      stop: () => {
        stopped = true;
        clearTimeout(timer);
      },
    };
  }
}
