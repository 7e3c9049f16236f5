import type { Readable } from 'node:stream';

/**
 * A part of a multipart body. `content` must be read to its end before the next part is asked for.
 */
export interface Part {
  readonly filename: string;
  readonly content: AsyncIterable<Buffer>;
}

/** Longest header of a part. */
const maxHeaderBytes = 16 * 1024;

/** The parts of a multipart body as they come. Throws when it is damaged or ends too early. */
export async function* readMultipart(body: Readable, contentType: string): AsyncGenerator<Part> {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1];
  if (boundary === undefined) throw new Error('the answer has no boundary');
  const source = new Source(body[Symbol.asyncIterator]() as AsyncIterator<Buffer>);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  // The first delimiter has no line end of the part before it.
  await source.expect(delimiter.subarray(2));
  for (;;) {
    const end = await source.take(2);
    if (end.equals(Buffer.from('--'))) return;
    const header = await source.readUntil(Buffer.from('\r\n\r\n'), maxHeaderBytes);
    const filename = /filename="?([^";\r\n]*)"?/.exec(header.toString('utf8'))?.[1] ?? '';
    yield { filename, content: source.streamUntil(delimiter) };
  }
}

class Source {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterator<Buffer>) {
    this.#chunks = chunks;
  }

  async #more(): Promise<void> {
    const next = await this.#chunks.next();
    if (next.done === true) throw new Error('the answer ended too early');
    this.#held = Buffer.concat([this.#held, next.value]);
  }

  async take(length: number): Promise<Buffer> {
    while (this.#held.length < length) await this.#more();
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return taken;
  }

  async expect(bytes: Buffer): Promise<void> {
    if (!(await this.take(bytes.length)).equals(bytes)) throw new Error('the answer is damaged');
  }

  async readUntil(mark: Buffer, max: number): Promise<Buffer> {
    let at = this.#held.indexOf(mark);
    while (at === -1) {
      if (this.#held.length > max) throw new Error('a part of the answer has no end of header');
      await this.#more();
      at = this.#held.indexOf(mark);
    }
    return (await this.take(at + mark.length)).subarray(0, at);
  }

  /** Gives out all but the last bytes, which may be the beginning of the mark. */
  async *streamUntil(mark: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at !== -1) {
        if (at > 0) yield await this.take(at);
        await this.take(mark.length);
        return;
      }
      const safe = this.#held.length - mark.length + 1;
      if (safe > 0) yield await this.take(safe);
      await this.#more();
    }
  }
}
