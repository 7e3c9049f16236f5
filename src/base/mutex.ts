/** Held while a `Mutex` or a key of a `KeyedMutex` is taken; disposing releases it. */
export type Held = Disposable;

/** Mutual exclusion, first come first served. */
export class Mutex {
  #tail: Promise<void> = Promise.resolve();

  /** Waits until nobody else holds it. The caller releases by disposing the result. */
  async hold(): Promise<Held> {
    const before = this.#tail;
    const { promise, resolve } = deferred();
    this.#tail = before.then(() => promise);
    await before;
    return { [Symbol.dispose]: resolve };
  }
}

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

export interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/** A promise with its resolver outside. */
export function deferred(): Deferred {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
