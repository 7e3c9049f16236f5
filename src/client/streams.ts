import type { WebSocket } from './websocket.ts';
import type { Readable, Writable } from 'node:stream';

/** A pipe without a reader, an output that was closed before we began, a terminal that is gone. */
const nobodyReads: readonly string[] = ['EPIPE', 'EBADF', 'EIO'];

/**
 * Copies a websocket's binary frames to an output at its pace. Resolves at the end marker (an empty
 * text frame) or when the socket closes, and closes it when the output takes no more. `open` is
 * called when there is something to write. Resolves with the error of an output that somebody still
 * wants and that lost what it was given: of a full disk.
 */
export function copyToOutput(
  websocket: WebSocket,
  open: () => Writable,
): Promise<Error | undefined> {
  return new Promise((resolve) => {
    let output: Writable | undefined;
    let gone = false;
    let lost: Error | undefined;
    let ended = false;
    let writing = 0;
    const settle = (): void => {
      if (gone || (ended && writing === 0)) resolve(lost);
    };
    const end = (): void => {
      ended = true;
      settle();
    };
    const note = (error: NodeJS.ErrnoException): void => {
      if (!nobodyReads.includes(error.code ?? '')) lost ??= error;
    };
    const opened = (): Writable => {
      const stream = open();
      // Whoever read our output has gone (`| head`), or the disk is full: the other side is told as
      // a pipe would tell it. Each write that was under way fails by itself.
      stream.on('error', (error: NodeJS.ErrnoException) => {
        gone = true;
        note(error);
        websocket.close();
        websocket.resume();
        settle();
      });
      return stream;
    };
    // Told before the stream's own `error`.
    const written = (error?: Error | null): void => {
      writing -= 1;
      if (error) note(error);
      settle();
    };
    websocket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary && data.length === 0) {
        end();
        return;
      }
      if (gone) return;
      output ??= opened();
      if (!output.writable) return;
      writing += 1;
      if (!output.write(data, written)) {
        websocket.pause();
        output.once('drain', () => {
          websocket.resume();
        });
      }
    });
    websocket.once('close', end);
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
