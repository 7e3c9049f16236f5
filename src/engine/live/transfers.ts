/**
 * Accesses to the files of machines that run. They end with the run: an open file keeps the root
 * from being unmounted, and what a client goes on writing would change a layer made of it later.
 */
export class Transfers {
  readonly #ongoing = new Map<number, Set<AbortController>>();

  /** Until disposed, `signal` says when the machine's run has ended. */
  enter(id: number): Disposable & { readonly signal: AbortSignal } {
    const controller = new AbortController();
    const ofMachine = this.#ongoing.get(id) ?? new Set();
    this.#ongoing.set(id, ofMachine.add(controller));
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        ofMachine.delete(controller);
        if (ofMachine.size === 0) this.#ongoing.delete(id);
      },
    };
  }

  end(id: number): void {
    for (const controller of this.#ongoing.get(id) ?? []) controller.abort();
  }
}
