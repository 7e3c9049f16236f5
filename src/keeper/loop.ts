import { eventLoopFd } from '../sys/kernel/event-loop.ts';
import { poll, type PollRequest, type PollResult } from '../sys/kernel/poll.ts';
import type { Log } from './log.ts';

/** A watched descriptor. Dispose it before the descriptor is closed. */
export interface Watch extends Disposable {
  /** Changes what is waited for. */
  wait(events: PollRequest['events']): void;
}

interface Entry {
  events: PollRequest['events'];
  readonly onReady: (result: PollResult) => void;
}

interface Timer {
  readonly dueAt: number;
  readonly onDue: () => void;
}

/**
 * The keeper's heart: one poll(2) over every descriptor it has, and nothing asynchronous. After
 * each wait Node's own loop turns once, for that is where signal handlers run; its descriptor is
 * among the polled ones, so a signal that arrives after that ends the next wait. What came before
 * it is looked for right before the wait (`eachTurn`). A callback that throws is logged and
 * disturbs no other.
 */
export class Loop {
  readonly #log: Log;
  readonly #nodeFd = eventLoopFd();
  readonly #entries = new Map<number, Entry>();
  readonly #timers = new Set<Timer>();
  readonly #everyTurn: (() => void)[] = [];
  #stopped = false;

  constructor(log: Log) {
    this.#log = log;
  }

  watch(fd: number, events: PollRequest['events'], onReady: (result: PollResult) => void): Watch {
    const entry: Entry = { events, onReady };
    this.#entries.set(fd, entry);
    return {
      wait: (wanted) => {
        entry.events = wanted;
      },
      [Symbol.dispose]: () => {
        if (this.#entries.get(fd) === entry) this.#entries.delete(fd);
      },
    };
  }

  after(delayMs: number, onDue: () => void): Disposable {
    const timer: Timer = { dueAt: performance.now() + delayMs, onDue };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => this.#timers.delete(timer) };
  }

  /**
   * Runs `task` before each wait, after Node's loop has turned: that may have taken up the signal
   * of what `task` looks for, and then nothing else would end the wait.
   */
  eachTurn(task: () => void): void {
    this.#everyTurn.push(task);
  }

  /** Begins; returns at once, and the process lives until `stop`. */
  start(): void {
    setImmediate(this.#turn);
  }

  stop(): void {
    this.#stopped = true;
  }

  readonly #turn = (): void => {
    for (const task of this.#everyTurn) this.#guard(task);
    if (this.#stopped) return;
    const requests: PollRequest[] = [{ fd: this.#nodeFd, events: 'read' }];
    for (const [fd, { events }] of this.#entries) requests.push({ fd, events });
    const results = this.#guard(() => poll(requests, this.#timeoutMs())) ?? [];
    for (const result of results) {
      // A callback before this one may have let go of the descriptor.
      const entry = this.#entries.get(result.fd);
      if (entry === undefined) continue;
      this.#guard(() => {
        entry.onReady(result);
      });
    }
    const now = performance.now();
    for (const timer of this.#timers) {
      if (timer.dueAt > now) continue;
      this.#timers.delete(timer);
      this.#guard(timer.onDue);
    }
    setImmediate(this.#turn);
  };

  #timeoutMs(): number {
    let dueAt = Infinity;
    for (const timer of this.#timers) dueAt = Math.min(dueAt, timer.dueAt);
    return dueAt === Infinity ? -1 : Math.max(0, Math.ceil(dueAt - performance.now()));
  }

  #guard<T>(task: () => T): T | undefined {
    try {
      return task();
    } catch (error) {
      this.#log(`bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      return undefined;
    }
  }
}
