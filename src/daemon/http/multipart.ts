import { WarrenError } from '../../contract/errors.ts';

/** Longest header block of one part. */
const maxHeaderBytes = 8 * 1024;

export interface PartHead {
  readonly name: string;
  readonly filename: string | undefined;
}

/** The boundary of a `multipart/form-data` content type; undefined for any other type. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  const [, quoted, plain] =
    /^multipart\/form-data\s*;.*?\bboundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(
      contentType ?? '',
    ) ?? [];
  return quoted ?? plain;
}

/**
 * Reads a multipart body (RFC 2046) part by part, never more than a chunk of it in memory. `onPart`
 * must read each part's content to its end. Throws `invalid` for a body that breaks off.
 */
export async function readMultipart(
  body: AsyncIterable<Buffer>,
  boundary: string,
  onPart: (head: PartHead, content: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const reader = new DelimitedReader(body);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  await drain(reader.until(delimiter));
  for (;;) {
    const afterBoundary = await reader.take(2);
    if (afterBoundary === '--') return;
    if (afterBoundary !== '\r\n') throw broken('a boundary is followed by other text');
    const headers: Buffer[] = [];
    let length = 0;
    for await (const chunk of reader.until(Buffer.from('\r\n\r\n'))) {
      headers.push(chunk);
      length += chunk.length;
      if (length > maxHeaderBytes) throw broken('the headers of a part are too long');
    }
    const content = reader.until(delimiter);
    await onPart(parseHead(Buffer.concat(headers).toString('utf8')), content);
    await drain(content);
  }
}

async function drain(chunks: AsyncIterable<Buffer>): Promise<void> {
  const iterator = chunks[Symbol.asyncIterator]();
  while ((await iterator.next()).done !== true);
}

/** Names may be bare tokens: not every client quotes them. */
function parseHead(headers: string): PartHead {
  const disposition = /^content-disposition:(.*)$/im.exec(headers)?.[1] ?? '';
  const value = (key: string): string | undefined => {
    const [, quoted, plain] =
      new RegExp(`;\\s*${key}=(?:"([^"]*)"|([^\\s;"]+))`, 'i').exec(disposition) ?? [];
    return quoted ?? plain;
  };
  return { name: value('name') ?? '', filename: value('filename') };
}

class DelimitedReader {
  readonly #source: AsyncIterator<Buffer>;
  /** Begins with the line break that the first boundary may lack. */
  #held: Buffer = Buffer.from('\r\n');

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Everything up to the delimiter, which is consumed. */
  async *until(delimiter: Buffer): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const at = this.#held.indexOf(delimiter);
      if (at !== -1) {
        const before = this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + delimiter.length);
        if (before.length > 0) yield before;
        return;
      }
      // The last bytes may be the beginning of the delimiter.
      const safe = this.#held.length - delimiter.length + 1;
      if (safe > 0) {
        const before = this.#held.subarray(0, safe);
        this.#held = this.#held.subarray(safe);
        yield before;
      }
      await this.#more();
    }
  }

  async take(length: number): Promise<string> {
    while (this.#held.length < length) await this.#more();
    const taken = this.#held.subarray(0, length).toString('latin1');
    this.#held = this.#held.subarray(length);
    return taken;
  }

  async #more(): Promise<void> {
    const next = await this.#source.next();
    if (next.done === true) throw broken('it ends before its last boundary');
    this.#held = Buffer.concat([this.#held, next.value]);
  }
}

function broken(problem: string): WarrenError {
  return new WarrenError('invalid', {
    what: 'read the upload',
    issues: [{ path: 'body', problem }],
  });
}
