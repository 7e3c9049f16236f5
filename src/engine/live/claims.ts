/** Names that something under way needs. A name can be claimed by several at once. */
export class Claims {
  readonly #counts = new Map<string, number>();

  has(name: string): boolean {
    return this.#counts.has(name);
  }

  /** Until it is disposed of. */
  claim(name: string): Disposable {
    this.#add(name, 1);
    return {
      [Symbol.dispose]: () => {
        this.#add(name, -1);
      },
    };
  }

  #add(name: string, change: number): void {
    const count = (this.#counts.get(name) ?? 0) + change;
    if (count > 0) this.#counts.set(name, count);
    else this.#counts.delete(name);
  }
}
