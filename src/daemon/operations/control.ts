import { bufferOf, onceClosed } from './pipes.ts';

import type { WebSocket } from 'ws';

/** What a client can say on the `control` socket of exec and console. */
export interface ControlHandlers {
  resize(width: number, height: number): void;
  signal(signal: number): void;
  /** The client closed it or was lost. */
  closed(): void;
}

/**
 * Reads the JSON text frames of a control socket; what cannot be understood is ignored, as LXD
 * does.
 */
export function receiveControl(socket: WebSocket, handlers: ControlHandlers): void {
  socket.on('message', (data) => {
    const message = parse(bufferOf(data).toString('utf8'));
    if (message === undefined) return;
    const { command, args, signal } = message;
    if (command === 'window-resize' && isRecord(args)) {
      const [width, height] = [Number(args['width']), Number(args['height'])];
      if (isSize(width) && isSize(height)) handlers.resize(width, height);
    } else if (command === 'signal') {
      const number = Number(signal);
      if (Number.isInteger(number) && number >= 1 && number <= 64) handlers.signal(number);
    }
  });
  onceClosed(socket, () => {
    handlers.closed();
  });
  socket.resume();
}

/** A terminal's side fits into 16 bits (man 2 TIOCSWINSZ). */
export function isSize(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 0xffff;
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
