/** What a pipe holds (man 7 pipe), so that one read empties it. */
const bufferBytes = 64 * 1024;

/**
 * Buffers to read into that serve again once they are given back. Where much is read, memory that
 * is new each time costs more than all the rest: a page fault for every 4 KiB, and the garbage
 * collector's work.
 */
export class Buffers {
  readonly #free: Uint8Array[] = [];
  /** Weak, for nobody has to give one back. */
  readonly #lent = new WeakSet<ArrayBufferLike>();

  /** One to read into. */
  take(): Uint8Array {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
  }

  /**
   * The `length` bytes that were read into one. They stay as they are until they are given back.
   * Few are copied: a client that waits for many of them must not hold a whole buffer for each.
   */
  lend(buffer: Uint8Array, length: number): Buffer {
    const chunk = Buffer.from(buffer.buffer, buffer.byteOffset, length);
    if (length < buffer.length / 4) {
      this.#free.push(buffer);
      return Buffer.from(chunk);
    }
    this.#lent.add(buffer.buffer);
    return chunk;
  }

  /** Takes back what was lent and is no longer read; anything else is left alone. */
  giveBack(chunk: Buffer): void {
    if (this.#lent.delete(chunk.buffer)) this.#free.push(new Uint8Array(chunk.buffer));
  }
}
