import { backoffMs } from '../../base/backoff.ts';

/** A machine that ran for so long was well: its reboot is one that somebody wanted. */
const wellAfterMs = 30_000;
/** So many reboots in a row, each sooner than that, are still taken for wanted. */
const patience = 3;
const firstDelayMs = 1000;
const maxDelayMs = 60_000;

/**
 * When machines that rebooted start again, by instance id: at once, but one that does nothing else
 * ever more rarely. What a start costs is the daemon's and the kernel's, which no limit of the
 * machine holds.
 */
export class Returns implements Disposable {
  readonly #quick = new Map<number, number>();
  readonly #pending = new Map<number, NodeJS.Timeout>();

  /** How long to wait until a machine that ran for `ranMs` and rebooted starts again. */
  delayMs(id: number, ranMs: number): number {
    const isQuick = ranMs < wellAfterMs;
    const quick = isQuick ? (this.#quick.get(id) ?? 0) + 1 : 0;
    if (isQuick) this.#quick.set(id, quick);
    else this.#quick.delete(id);
    return quick <= patience ? 0 : backoffMs(quick - patience - 1, firstDelayMs, maxDelayMs);
  }

  /** Calls `start` once, after `delayMs`, unless it is taken back. */
  later(id: number, delayMs: number, start: () => void): void {
    this.cancel(id);
    const timer = setTimeout(() => {
      this.#pending.delete(id);
      start();
    }, delayMs);
    this.#pending.set(id, timer.unref());
  }

  isPending(id: number): boolean {
    return this.#pending.has(id);
  }

  /** Somebody else has started it. */
  cancel(id: number): void {
    clearTimeout(this.#pending.get(id));
    this.#pending.delete(id);
  }

  /** The machine does not start again by itself, or has ceased to be. */
  forget(id: number): void {
    this.cancel(id);
    this.#quick.delete(id);
  }

  [Symbol.dispose](): void {
    for (const timer of this.#pending.values()) clearTimeout(timer);
    this.#pending.clear();
  }
}
