/** Held while a `KeyedMutex` key is taken; disposing releases it. */
export type Held = Disposable;

/** Mutual exclusion per key, first come first served. */
export class KeyedMutex {
  readonly #tails = new Map<string, Promise<void>>();

  /** Waits until nobody else holds `key`. The caller releases by disposing the result. */
  async hold(key: string): Promise<Held> {
    const before = this.#tails.get(key);
    const { promise, resolve } = deferred();
    const tail = (before ?? Promise.resolve()).then(() => promise);
    this.#tails.set(key, tail);
    await before;
    return {
      [Symbol.dispose]: () => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
        resolve();
      },
    };
  }

  isHeld(key: string): boolean {
    return this.#tails.has(key);
  }
}

/** A promise with its resolver outside. */
export function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
