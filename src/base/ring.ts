/** The last `capacity` bytes of what was pushed; older ones are forgotten. */
export class ByteRing {
  readonly #capacity: number;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Keeps `chunk`, which the caller leaves alone from now on. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    // Joined now and then, so that a guest which writes byte by byte costs no object a byte.
    if (this.#length <= 2 * this.#capacity && this.#chunks.length <= 256) return;
    this.#chunks = [Buffer.from(this.#tail())];
    this.#length = this.#chunks[0]?.length ?? 0;
  }

  /** Everything kept. */
  read(): Buffer {
    return this.#tail();
  }

  /** Everything kept; the ring is empty afterwards. */
  take(): Buffer {
    const bytes = this.#tail();
    this.clear();
    return bytes;
  }

  clear(): void {
    this.#chunks = [];
    this.#length = 0;
  }

  #tail(): Buffer {
    const all = Buffer.concat(this.#chunks, this.#length);
    return all.subarray(Math.max(0, all.length - this.#capacity));
  }
}
