/**
 * What ctrl-c does. One handler at a time: the last one that was put in. A second ctrl-c while the
 * first is being dealt with ends the process at once.
 */
export class Interrupts implements Disposable {
  readonly #exit: (code: number) => void;
  #handlers: (() => Promise<boolean>)[];
  #busy = false;

  /** `first` returns false when there was nothing to interrupt: then the process ends. */
  constructor(first: () => Promise<boolean>, exit: (code: number) => void) {
    this.#handlers = [first];
    this.#exit = exit;
    process.on('SIGINT', this.#onSignal);
  }

  /**
   * Puts in a handler for a while: commands that hand signals on. One that returns false ends the
   * process.
   */
  override(handler: () => unknown): () => void {
    const entry = async (): Promise<boolean> => await Promise.resolve(handler() !== false);
    this.#handlers.push(entry);
    return () => {
      this.#handlers = this.#handlers.filter((other) => other !== entry);
    };
  }

  [Symbol.dispose](): void {
    process.removeListener('SIGINT', this.#onSignal);
  }

  readonly #onSignal = (): void => {
    const handler = this.#handlers.at(-1);
    const isFirst = this.#handlers.length === 1;
    if (handler === undefined || (isFirst && this.#busy)) {
      this.#exit(130);
      return;
    }
    if (isFirst) this.#busy = true;
    handler().then(
      (handled) => {
        if (!handled) this.#exit(130);
      },
      () => {
        this.#exit(130);
      },
    );
  };
}
