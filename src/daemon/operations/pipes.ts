import { Readable } from 'node:stream';

import type { RawData, WebSocket } from 'ws';

/** Calls back once when the websocket is closed, also when it is already. */
export function onceClosed(socket: WebSocket, listener: () => void): void {
  if (socket.readyState === socket.CLOSED) queueMicrotask(listener);
  else socket.once('close', listener);
}

/** Resolves when a stream gives no more, for whatever reason; also when it does not already. */
export async function streamEnd(source: NodeJS.ReadableStream): Promise<void> {
  if (source instanceof Readable && (source.readableEnded || source.destroyed)) return;
  await new Promise<void>((resolve) => {
    // The master of a pty ends with EIO when the last process on it has gone.
    source.once('error', resolve);
    source.once('end', resolve);
    source.once('close', resolve);
  });
}

/** Bytes that may wait for a slow client before its source is paused. */
const highWaterBytes = 256 * 1024;

/**
 * Sends everything `source` yields as binary frames and, at its end, the empty text frame that
 * LXD's protocol ends a stream with. A client that does not read pauses the source; one that has
 * gone lets it drain, so that the command does not block on a full pipe. `giveBack` has each chunk
 * once it is sent. Resolves when the source has ended and all is sent, or the client is gone.
 */
export async function sendStream(
  source: NodeJS.ReadableStream,
  socket: WebSocket | undefined,
  giveBack: (chunk: Buffer) => void = () => undefined,
): Promise<void> {
  const isOpen = (): boolean => socket !== undefined && socket.readyState === socket.OPEN;
  source.on('data', (chunk: Buffer) => {
    if (socket === undefined || !isOpen()) {
      giveBack(chunk);
      return;
    }
    socket.send(chunk, { binary: true }, () => {
      giveBack(chunk);
      if (socket.bufferedAmount < highWaterBytes) source.resume();
    });
    if (socket.bufferedAmount >= highWaterBytes) source.pause();
  });
  if (socket !== undefined) {
    onceClosed(socket, () => {
      source.resume();
    });
  }
  await streamEnd(source);
  if (socket !== undefined && isOpen()) {
    await new Promise<void>((resolve) => {
      socket.once('close', resolve);
      socket.send('', { binary: false }, () => {
        resolve();
      });
    });
  }
}

/**
 * Writes binary frames of `socket` to `sink`; a text frame ends it, and so does losing the client.
 * A sink that is full pauses the socket.
 */
export function receiveStream(
  socket: WebSocket,
  sink: NodeJS.WritableStream,
  onEnd: () => void,
): void {
  let ended = false;
  const end = (): void => {
    if (ended) return;
    ended = true;
    onEnd();
  };
  sink.on('error', () => {
    // The command closed its input or ended; what the client still sends has nowhere to go.
    ended = true;
    socket.resume();
  });
  socket.on('message', (data: RawData, isBinary: boolean) => {
    if (!isBinary) {
      end();
      return;
    }
    if (ended) return;
    if (!sink.write(bufferOf(data))) {
      socket.pause();
      sink.once('drain', () => {
        socket.resume();
      });
    }
  });
  onceClosed(socket, end);
  socket.resume();
}

export function bufferOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
