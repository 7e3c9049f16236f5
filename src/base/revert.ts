type Undo = () => void | Promise<void>;

/**
 * A stack of undo steps that runs, last first, unless `keep()` was called. Use as
 * `await using undo = new Revert(onFailure)`: push a step right after each effect and call
 * `undo.keep()` as the last line. A failing step is reported to `onFailure` and does not stop the
 * others, so the error that started the unwinding is the one the caller sees.
 */
export class Revert implements AsyncDisposable {
  #steps: { readonly what: string; readonly undo: Undo }[] = [];
  readonly #onFailure: (what: string, error: unknown) => void;

  constructor(onFailure: (what: string, error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  push(what: string, undo: Undo): void {
    this.#steps.push({ what, undo });
  }

  keep(): void {
    this.#steps = [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { what, undo } of this.#steps.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        this.#onFailure(what, error);
      }
    }
  }
}
