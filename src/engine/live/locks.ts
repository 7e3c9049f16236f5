import { deferred, type Held, KeyedMutex } from '../../base/mutex.ts';
import { waitAtMost } from '../../base/wait.ts';
import { WarrenError } from '../../contract/errors.ts';

/**
 * How long a change of settings waits for a short action: most starts, stops and snapshots are over
 * by then.
 */
const soonMs = 10_000;

/** What a person asked for, and when it is over. */
interface Action {
  readonly name: string;
  readonly over: Promise<void>;
}

/**
 * One action at a time per machine, by name (so that a name is held before its machine exists).
 * What a person asks for is refused while another such action is under way; what the daemon does by
 * itself, and access to files, waits its turn.
 */
export class MachineLocks {
  readonly #mutex = new KeyedMutex();
  readonly #actions = new Map<string, Action>();
  /** How many hold or wait for a machine but those it is lent to. */
  readonly #claims = new Map<string, number>();
  readonly #loans = new Map<string, AbortController>();

  /** Throws `busy` when another action of a person is under way or waiting. */
  async act(name: string, action: string): Promise<Held> {
    this.#refuseBusy(name, action);
    const { promise: over, resolve } = deferred();
    this.#actions.set(name, { name: action, over });
    const held = await this.wait(name);
    return {
      [Symbol.dispose]: () => {
        this.#actions.delete(name);
        resolve();
        held[Symbol.dispose]();
      },
    };
  }

  /**
   * As `act`, once another action of a person that is under way is over: first come first served,
   * after at most `patienceMs` altogether. To be called by who holds nothing yet. Throws `busy`
   * when it goes on for longer, `cancelled` when `signal` is given.
   */
  async actSoon(
    name: string,
    action: string,
    signal: AbortSignal,
    patienceMs = soonMs,
  ): Promise<Held> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      if (signal.aborted) throw new WarrenError('cancelled', { what: `The ${action} of ${name}` });
      const other = this.#actions.get(name);
      const leftMs = deadline - performance.now();
      if (other === undefined || leftMs <= 0) return await this.act(name, action);
      await waitAtMost(other.over, leftMs, signal);
    }
  }

  /**
   * For what the daemon does by itself in its own time: whoever asks for the machine meanwhile
   * waits for it. Throws `busy` as `act` does, for an action of a person may take hours.
   */
  async serve(name: string, action: string): Promise<Held> {
    this.#refuseBusy(name, action);
    return await this.wait(name);
  }

  #refuseBusy(name: string, action: string): void {
    const other = this.#actions.get(name);
    if (other !== undefined) throw new WarrenError('busy', { name, action, other: other.name });
  }

  /** What `act` holds for a machine now. */
  currentAction(name: string): string | undefined {
    return this.#actions.get(name)?.name;
  }

  /** Whether nobody works with any machine; access to files of one is not counted. */
  get isIdle(): boolean {
    return this.#claims.size === 0;
  }

  async wait(name: string): Promise<Held> {
    this.#claims.set(name, (this.#claims.get(name) ?? 0) + 1);
    this.#loans.get(name)?.abort();
    const held = await this.#mutex.hold(name);
    return {
      [Symbol.dispose]: () => {
        const left = (this.#claims.get(name) ?? 0) - 1;
        if (left > 0) this.#claims.set(name, left);
        else this.#claims.delete(name);
        held[Symbol.dispose]();
      },
    };
  }

  /**
   * As `wait`, but for as long as nobody else asks for the machine: `recalled` says when one does.
   */
  async lend(name: string): Promise<Held & { readonly recalled: AbortSignal }> {
    const held = await this.#mutex.hold(name);
    const loan = new AbortController();
    if (this.#claims.has(name)) loan.abort();
    this.#loans.set(name, loan);
    return {
      recalled: loan.signal,
      [Symbol.dispose]: () => {
        if (this.#loans.get(name) === loan) this.#loans.delete(name);
        held[Symbol.dispose]();
      },
    };
  }

  /** Of several machines, always in the order of their names. */
  async waitAll(names: readonly string[]): Promise<Held> {
    const all: Held[] = [];
    for (const name of [...new Set(names)].sort()) all.push(await this.wait(name));
    return {
      [Symbol.dispose]: () => {
        for (const held of all) held[Symbol.dispose]();
      },
    };
  }
}
