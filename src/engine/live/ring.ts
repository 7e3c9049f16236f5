/** The last `capacity` bytes of a stream. */
export class ByteRing {
  readonly #capacity: number;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    for (let first = this.#chunks[0]; first !== undefined; first = this.#chunks[0]) {
      const excess = this.#length - this.#capacity;
      if (excess <= 0) break;
      if (first.length <= excess) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(excess);
      this.#length -= Math.min(first.length, excess);
    }
  }

  read(): Buffer {
    const all = Buffer.concat(this.#chunks);
    // Chunks may be small windows onto large buffers; one copy lets those go.
    this.#chunks = all.length === 0 ? [] : [all];
    return all;
  }

  clear(): void {
    this.#chunks = [];
    this.#length = 0;
  }
}
