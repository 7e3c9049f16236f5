import { createReadStream, open, read, write } from 'node:fs';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';

import { WarrenError } from '../../contract/errors.ts';

/**
 * Bytes in and out of plain descriptors. Whoever opened a descriptor closes it, once: a stream over
 * a borrowed one closes it on errors all the same, and then a stranger's descriptor of that number.
 */
const readSome = promisify(read);
const writeSome = promisify(write);

type OpenCallback = (error: Error | null, fd: number) => void;

/** open(2) in a pool thread, as a plain number: a FileHandle closes itself when it is collected. */
export const openInPool = promisify((path: string, flags: number, done: OpenCallback) => {
  open(path, flags, done);
});

/**
 * Bytes of a file that are read at once: as many as it has, and one for those that it may have got.
 */
const leastBytes = 4096;
const mostBytes = 256 * 1024;

/**
 * A stream of a file of about `size` bytes from its start. It owns `fd` and closes it at its end or
 * when destroyed.
 */
export function streamFrom(fd: number, size: number): Readable {
  const highWaterMark = Math.max(leastBytes, Math.min(size + 1, mostBytes));
  return createReadStream('', { fd, start: 0, highWaterMark });
}

/** The same stream, which breaks off with `cancelled` when `signal` says so. */
export function endedBy(signal: AbortSignal | undefined, stream: Readable, what: string): Readable {
  if (signal === undefined) return stream;
  const end = (): void => {
    stream.destroy(new WarrenError('cancelled', { what: `To ${what}` }));
  };
  // Whoever reads it sees the error; one that comes before anybody does must not be uncaught.
  stream.on('error', () => undefined);
  stream.once('close', () => {
    signal.removeEventListener('abort', end);
  });
  if (signal.aborted) end();
  else signal.addEventListener('abort', end);
  return stream;
}

/** Writes all of `content` at the descriptor's offset, a chunk at a time. */
export async function writeAll(fd: number, content: Readable | Uint8Array | string): Promise<void> {
  if (!(content instanceof Readable)) {
    await writeChunk(fd, content);
    return;
  }
  for await (const chunk of content as AsyncIterable<Uint8Array | string>) {
    await writeChunk(fd, chunk);
  }
}

async function writeChunk(fd: number, chunk: Uint8Array | string): Promise<void> {
  const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  for (let at = 0; at < bytes.length;) {
    at += (await writeSome(fd, bytes, at, bytes.length - at, null)).bytesWritten;
  }
}

/** The whole of a file as text; `hostile` as soon as it turns out longer than `maxBytes`. */
export async function readAtMost(fd: number, maxBytes: number, what: string): Promise<string> {
  const chunks: Buffer[] = [];
  for (let length = 0; length <= maxBytes;) {
    const buffer = Buffer.allocUnsafe(Math.min(65_536, maxBytes + 1 - length));
    const { bytesRead } = await readSome(fd, buffer, 0, buffer.length, length);
    if (bytesRead === 0) return Buffer.concat(chunks).toString();
    chunks.push(buffer.subarray(0, bytesRead));
    length += bytesRead;
  }
  throw new WarrenError('hostile', { what, found: `it is larger than ${maxBytes} bytes` });
}
