import { connect } from 'node:net';

import { errorOfBody } from './client.ts';
import { readText } from './transport.ts';

import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';

export type { WebSocket } from 'ws';

/**
 * An open websocket on the daemon's socket, paused: the caller attaches its listeners and calls
 * `resume()`. `ws` is run when first needed: few commands do.
 */
export async function openWebSocket(socket: string, path: string): Promise<WebSocket> {
  const { WebSocket: Constructor } = await import('ws');
  return await new Promise((resolve, reject) => {
    const websocket = new Constructor(`ws://unix.socket${path}`, {
      // By createConnection, since a URL with the socket's path in it breaks at a colon.
      createConnection: () => connect(socket),
      perMessageDeflate: false,
      maxPayload: 0,
    });
    websocket.once('error', reject);
    websocket.once('unexpected-response', (_request, response) => {
      void refusal(response)
        .then(reject, reject)
        .finally(() => {
          websocket.terminate();
        });
    });
    websocket.once('open', () => {
      websocket.pause();
      websocket.removeListener('error', reject);
      websocket.on('error', () => {
        websocket.terminate();
      });
      resolve(websocket);
    });
  });
}

/** The daemon's own sentence, where it answers with an error instead. */
async function refusal(response: IncomingMessage): Promise<Error> {
  return errorOfBody(await readText(response), response.statusCode ?? 500);
}

/** Loads `ws` while the daemon works on the request that comes before. */
export function preloadWebSockets(): void {
  setImmediate(() => void import('ws'));
}

/** The socket of one of an operation's descriptors. */
export function websocketPath(operationId: string, secret: string): string {
  return `/1.0/operations/${operationId}/websocket?secret=${encodeURIComponent(secret)}`;
}

/** The secrets of an operation of class websocket, by descriptor: `0`, `1`, `2`, `control`. */
export function secretsOf(
  metadata: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, string> {
  const fds = metadata['fds'];
  if (typeof fds !== 'object' || fds === null) return new Map();
  return new Map(Object.entries(fds as Record<string, string>));
}
