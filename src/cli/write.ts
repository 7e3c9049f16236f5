import { writeSync } from 'node:fs';

import type { Writable } from 'node:stream';

/** Standard output and standard error. */
export type OutputFd = 1 | 2;

/**
 * Writes to one of our own outputs and resolves when it is written. Whoever stopped reading does
 * not want to hear of it. Without the stream that Node would make for it, which costs a tenth of a
 * command; throws the system's error, such as that of a full disk.
 */
export async function writeTo(fd: OutputFd, text: string): Promise<void> {
  let rest = Buffer.from(text);
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A pipe that somebody made non-blocking takes the rest when it can.
    if (code === 'EAGAIN') await write(fd === 1 ? process.stdout : process.stderr, rest);
    else if (code !== 'EPIPE' && code !== 'EBADF' && code !== 'EIO') throw error;
  }
}

/** The same for a stream. */
export async function write(stream: Writable, content: string | Buffer): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.once('error', () => {
      resolve();
    });
    stream.write(content, () => {
      resolve();
    });
  });
}
