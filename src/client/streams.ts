import type { WebSocket } from './websocket.ts';
import type { Readable, Writable } from 'node:stream';

/**
 * Copies a websocket's binary frames to an output at its pace. Resolves at the end marker (an empty
 * text frame) or when the socket closes, and closes it when the output takes no more. `open` is
 * called when there is something to write.
 */
export function copyToOutput(websocket: WebSocket, open: () => Writable): Promise<void> {
  return new Promise((resolve) => {
    let output: Writable | undefined;
    let gone = false;
    const opened = (): Writable => {
      const stream = open();
      // Whoever read our output has gone (`| head`): the other side is told as a pipe would tell it.
      // Each write that was under way fails by itself.
      stream.on('error', () => {
        gone = true;
        websocket.close();
        websocket.resume();
        resolve();
      });
      return stream;
    };
    websocket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary && data.length === 0) {
        resolve();
        return;
      }
      if (gone) return;
      output ??= opened();
      if (output.writable && !output.write(data)) {
        websocket.pause();
        output.once('drain', () => {
          websocket.resume();
        });
      }
    });
    websocket.once('close', () => {
      resolve();
    });
    websocket.resume();
  });
}

/** Frames of more than this wait to be written before more input is read. Bytes. */
const maxBuffered = 1024 * 1024;

/**
 * Copies `input` to a websocket as binary frames at its pace, and sends the end marker when it
 * ends. The result stops the copying and leaves `input` paused.
 */
export function copyFromInput(
  input: Readable,
  websocket: WebSocket,
  filter: (chunk: Buffer) => Buffer = (chunk) => chunk,
): () => void {
  const isOpen = (): boolean => websocket.readyState === websocket.OPEN;
  const onData = (chunk: Buffer | string): void => {
    const bytes = filter(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    if (bytes.length === 0 || !isOpen()) return;
    websocket.send(bytes, { binary: true }, () => {
      if (websocket.bufferedAmount <= maxBuffered && !stopped) input.resume();
    });
    if (websocket.bufferedAmount > maxBuffered) input.pause();
  };
  const onEnd = (): void => {
    if (isOpen()) websocket.send('', { binary: false });
  };
  let stopped = false;
  input.on('data', onData);
  input.once('end', onEnd);
  // A standard input that was closed or is a directory reads as ended.
  input.once('error', onEnd);
  return () => {
    stopped = true;
    input.off('data', onData);
    input.off('end', onEnd);
    input.pause();
  };
}
