/** Layers that somebody works with and nothing stands on (yet): each stays until all who hold it let go. */
export class HeldLayers {
  readonly #counts = new Map<string, number>();

  has(layer: string): boolean {
    return this.#counts.has(layer);
  }

  add(layer: string): void {
    this.#counts.set(layer, (this.#counts.get(layer) ?? 0) + 1);
  }

  delete(layer: string): void {
    const count = this.#counts.get(layer) ?? 0;
    if (count > 1) this.#counts.set(layer, count - 1);
    else this.#counts.delete(layer);
  }
}
