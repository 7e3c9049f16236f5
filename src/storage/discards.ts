import { setTimeout as sleep } from 'node:timers/promises';

import { waitAtMost } from '../base/wait.ts';

/**
 * What comes right after a restore, such as the write of its record and a start, is done by then.
 */
const settleMs = 500;

/**
 * Removals that nobody waits for. Each begins a moment later, so that it takes no disk from the
 * work it comes from: on a busy file system, removing many files holds up every fsync.
 */
export class Discards {
  readonly #hurry = new AbortController();
  readonly #underWay = new Set<Promise<void>>();

  /** `remove` must not fail. */
  add(remove: () => Promise<void>): Discard {
    const now = new AbortController();
    const signal = AbortSignal.any([now.signal, this.#hurry.signal]);
    const removed = sleep(settleMs, undefined, { ref: false, signal })
      .catch(() => undefined)
      .then(remove)
      .finally(() => this.#underWay.delete(removed));
    this.#underWay.add(removed);
    return {
      remove: async () => {
        now.abort();
        await removed;
      },
    };
  }

  /**
   * Begins all of them at once, and those that are still to come, and waits at most `patienceMs`
   * for their end.
   */
  async close(patienceMs: number): Promise<void> {
    this.#hurry.abort();
    await waitAtMost(Promise.all(this.#underWay), patienceMs);
  }
}

export interface Discard {
  /** Begins at once, and settles when it is done. Never fails. */
  readonly remove: () => Promise<void>;
}
