/**
 * Names that work under way needs, such as layers and projects. Several can hold one name at once.
 */
export class Holds {
  readonly #holds = new Set<Hold>();

  has(name: string): boolean {
    for (const hold of this.#holds) if (hold.has(name)) return true;
    return false;
  }

  /** Holds `names`, and what is added to them, until it is disposed of. */
  hold(...names: readonly string[]): Hold {
    const hold = new Hold(this.#holds);
    hold.add(names);
    return hold;
  }
}

class Hold implements Disposable {
  readonly #all: Set<Hold>;
  readonly #names = new Set<string>();

  constructor(all: Set<Hold>) {
    this.#all = all;
    all.add(this);
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** Can be handed on by itself. */
  readonly add = (names: Iterable<string>): void => {
    for (const name of names) this.#names.add(name);
  };

  [Symbol.dispose](): void {
    this.#all.delete(this);
  }
}
