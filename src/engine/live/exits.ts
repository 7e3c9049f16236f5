import type { ProcessIdentity } from '../../base/process-identity.ts';
import type { ExitRecord } from '../../contract/keeper.ts';

/** The part of the keeper's link that tells of exits. */
export interface ExitSource {
  readonly pendingExits: readonly ExitRecord[];
  onExit(listener: (exit: ExitRecord) => void): Disposable;
  forgetExits(sequence: number): Promise<void>;
}

/** How long an exit that no row names is kept: the init of a machine that is just being made. */
const unclaimedMs = 60_000;

/**
 * Exits as the keeper reports them, matched with the machines they belong to. The keeper's journal
 * forgets in order, so it is told only of a sequence below which everything is settled.
 */
export class ExitLedger implements Disposable {
  readonly #source: ExitSource;
  readonly #inits: () => readonly ProcessIdentity[];
  readonly #onFailure: (error: unknown) => void;
  readonly #listening: Disposable;
  readonly #arrived = new Map<string, ExitRecord>();
  readonly #waiting = new Map<string, (exit: ExitRecord) => void>();
  readonly #open = new Set<number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #newest = 0;
  #forgotten = 0;

  /** `inits` are those that rows of machines name at the moment: their exits are kept. */
  constructor(
    source: ExitSource,
    inits: () => readonly ProcessIdentity[],
    onFailure: (error: unknown) => void,
  ) {
    this.#source = source;
    this.#inits = inits;
    this.#onFailure = onFailure;
    for (const exit of source.pendingExits) this.#arrive(exit);
    this.#listening = source.onExit((exit) => {
      this.#arrive(exit);
    });
  }

  /** How `init` ended; undefined when the keeper does not say so in time. Settle it afterwards. */
  async take(init: ProcessIdentity, timeoutMs: number): Promise<ExitRecord | undefined> {
    const key = keyOf(init);
    const arrived = this.#arrived.get(key);
    if (arrived !== undefined || timeoutMs <= 0) return arrived;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(key);
        resolve(undefined);
      }, timeoutMs);
      this.#waiting.set(key, (exit) => {
        clearTimeout(timer);
        this.#waiting.delete(key);
        resolve(exit);
      });
    });
  }

  /** The exit is in the database, or of no interest. */
  settle(exit: ExitRecord): void {
    this.#arrived.delete(keyOf(exit));
    this.#open.delete(exit.sequence);
    const settled = this.#open.size === 0 ? this.#newest : Math.min(...this.#open) - 1;
    if (settled <= this.#forgotten) return;
    this.#forgotten = settled;
    this.#source.forgetExits(settled).catch(this.#onFailure);
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #arrive(exit: ExitRecord): void {
    const key = keyOf(exit);
    this.#arrived.set(key, exit);
    this.#open.add(exit.sequence);
    this.#newest = Math.max(this.#newest, exit.sequence);
    this.#waiting.get(key)?.(exit);
    this.#settleUnclaimed(exit);
  }

  /** A row may name an init for long after its end: whoever holds the machine's lock goes first. */
  #settleUnclaimed(exit: ExitRecord): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#open.has(exit.sequence)) return;
      if (this.#isWanted(exit)) this.#settleUnclaimed(exit);
      else this.settle(exit);
    }, unclaimedMs);
    timer.unref();
    this.#timers.add(timer);
  }

  #isWanted(exit: ExitRecord): boolean {
    try {
      return this.#inits().some((init) => keyOf(init) === keyOf(exit));
    } catch (error) {
      this.#onFailure(error);
      return true;
    }
  }
}

function keyOf({ pid, startTime, bootId }: ProcessIdentity): string {
  return `${bootId} ${pid} ${startTime}`;
}
