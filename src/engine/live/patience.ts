/**
 * Lets what is under way come to its end when somebody asks for what it holds: `over` is given
 * `patienceMs` after `recalled`. Disposed of with the work.
 */
export class Patience implements Disposable {
  readonly #over = new AbortController();
  readonly #recalled: AbortSignal | undefined;
  readonly #begin: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(recalled: AbortSignal | undefined, patienceMs: number) {
    this.#recalled = recalled;
    this.#begin = () => {
      this.#timer = setTimeout(() => {
        this.#over.abort();
      }, patienceMs);
    };
    if (recalled?.aborted === true) this.#begin();
    else recalled?.addEventListener('abort', this.#begin);
  }

  get over(): AbortSignal {
    return this.#over.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#recalled?.removeEventListener('abort', this.#begin);
  }
}
