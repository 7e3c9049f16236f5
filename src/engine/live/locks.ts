import { type Held, KeyedMutex } from '../../base/mutex.ts';
import { WarrenError } from '../../contract/errors.ts';

/**
 * One action at a time per machine, by name (so that a name is held before its machine exists).
 * What a person asks for is refused while another such action is under way; what the daemon does by
 * itself, and access to files, waits its turn.
 */
export class MachineLocks {
  readonly #mutex = new KeyedMutex();
  readonly #actions = new Map<string, string>();

  /** Throws `busy` when another action of a person is under way or waiting. */
  async act(name: string, action: string): Promise<Held> {
    const other = this.#actions.get(name);
    if (other !== undefined) throw new WarrenError('busy', { name, action, other });
    this.#actions.set(name, action);
    const held = await this.#mutex.hold(name);
    return {
      [Symbol.dispose]: () => {
        this.#actions.delete(name);
        held[Symbol.dispose]();
      },
    };
  }

  /** What `act` holds for a machine now. */
  currentAction(name: string): string | undefined {
    return this.#actions.get(name);
  }

  wait(name: string): Promise<Held> {
    return this.#mutex.hold(name);
  }

  /** Of several machines, always in the order of their names. */
  async waitAll(names: readonly string[]): Promise<Held> {
    const all: Held[] = [];
    for (const name of [...new Set(names)].sort()) all.push(await this.#mutex.hold(name));
    return {
      [Symbol.dispose]: () => {
        for (const held of all) held[Symbol.dispose]();
      },
    };
  }
}
