import { setTimeout as sleep } from 'node:timers/promises';

import { WarrenError } from '../contract/errors.ts';

import type { Client } from '../client/client.ts';
import type { Context } from './context.ts';

/** How often to look for something to cancel while a request is still on its way. */
const lookEveryMs = 20;

/**
 * Ctrl-c for a command of several steps: cancels what the daemon does, as soon as there is
 * something to cancel, and lets the command take back what it did before. A second one ends the
 * process.
 */
export class CtrlC implements Disposable {
  /** Resolves with the first one. */
  readonly asked: Promise<void>;
  readonly #restore: () => void;
  #isAsked = false;
  #mayCancel = true;

  constructor(context: Context) {
    const { client, interrupts, progress } = context;
    let tell: () => void;
    this.asked = new Promise((resolve) => (tell = resolve));
    this.#restore = interrupts.override(() => {
      if (this.#isAsked) return false;
      this.#isAsked = true;
      progress.clear();
      if (this.#mayCancel) context.warn('cancelling; ctrl-c again leaves it alone');
      void this.#cancel(client);
      tell();
      return true;
    });
  }

  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** Throws when it was asked for. */
  check(): void {
    if (this.#isAsked) throw new WarrenError('cancelled', { what: 'This' });
  }

  /** What the daemon does from here on is not cancelled. */
  leaveAlone(): void {
    this.#mayCancel = false;
  }

  [Symbol.dispose](): void {
    this.leaveAlone();
    this.#restore();
  }

  async #cancel(client: Client): Promise<void> {
    // What cannot be cancelled comes to its end.
    const cancel = (): Promise<boolean> => client.cancelAll().catch(() => true);
    while (this.#mayCancel && !(await cancel())) await sleep(lookEveryMs);
  }
}
