/**
 * Layers with a row on which something is about to stand or by which something is being read: the
 * clean-up leaves them alone. A layer can be held by several at once.
 */
export class HeldLayers {
  readonly #holds = new Set<LayerHold>();

  has(layer: string): boolean {
    for (const hold of this.#holds) if (hold.has(layer)) return true;
    return false;
  }

  /** Holds `layers` until it is disposed of. */
  hold(layers: Iterable<string> = []): LayerHold {
    const hold = new LayerHold(this.#holds);
    hold.add(layers);
    return hold;
  }
}

export class LayerHold implements Disposable {
  readonly #holds: Set<LayerHold>;
  readonly #layers = new Set<string>();

  constructor(holds: Set<LayerHold>) {
    this.#holds = holds;
    holds.add(this);
  }

  has(layer: string): boolean {
    return this.#layers.has(layer);
  }

  add(layers: Iterable<string>): void {
    for (const layer of layers) this.#layers.add(layer);
  }

  [Symbol.dispose](): void {
    this.#holds.delete(this);
  }
}
