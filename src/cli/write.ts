import type { Writable } from 'node:stream';

/** Resolves when it is written. Whoever stopped reading does not want to hear of it. */
export async function write(stream: Writable, text: string): Promise<void> {
  await new Promise<void>((resolve) => {
    stream.once('error', () => {
      resolve();
    });
    stream.write(text, () => {
      resolve();
    });
  });
}
