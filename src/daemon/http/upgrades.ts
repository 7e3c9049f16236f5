import { STATUS_CODES } from 'node:http';

import { WebSocketServer } from 'ws';

import { catalogue, WarrenError } from '../../contract/errors.ts';
import { parseEventTypes, serveEvents } from '../events/socket.ts';
import { asWarrenError } from '../failures.ts';
import { splitTarget } from './path.ts';
import { errorBody } from './replies.ts';
import { findSftp, serveSftp } from './sftp.ts';

import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { DaemonContext } from '../context.ts';

/** Longest frame a client may send: stdin of exec comes in frames of 128 KiB at most. */
const maxFrameBytes = 1024 * 1024;

/** Serves the websockets, `/1.0/events` and `/1.0/operations/ID/websocket?secret=…`, and SFTP. */
export function handleUpgrades(server: Server, context: DaemonContext): void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxFrameBytes,
    perMessageDeflate: false,
    clientTracking: false,
  });
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on('error', () => {
      stream.destroy();
    });
    try {
      const instance = findSftp(request);
      if (instance !== undefined) {
        serveSftp(context, instance, stream, head).catch((error: unknown) => {
          refuse(context, stream, error);
        });
        return;
      }
      const serve = findSocket(context, request);
      sockets.handleUpgrade(request, stream, head, serve);
    } catch (error) {
      refuse(context, stream, error);
    }
  });
}

function findSocket(context: DaemonContext, request: IncomingMessage): (socket: WebSocket) => void {
  const target = splitTarget(request.url ?? '');
  const [version, kind, id = '', leaf] = target?.segments ?? [];
  const query = target?.query ?? new URLSearchParams();
  const path = (request.url ?? '').split('?')[0] ?? '';
  const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket';
  if (version === '1.0' && kind === 'events' && id === '' && isWebSocket) {
    const types = parseEventTypes(query);
    const project =
      query.get('all-projects') === 'true' ? '*' : (query.get('project') ?? 'default');
    return (socket) => {
      serveEvents(context.events, socket, types, project === '' ? 'default' : project);
    };
  }
  if (version === '1.0' && kind === 'operations' && leaf === 'websocket' && isWebSocket) {
    const sockets = context.operations.get(id).spec.sockets;
    const name = sockets?.match(query.get('secret') ?? '');
    if (sockets === undefined || name === undefined) {
      const why = 'the secret is of none of its sockets, or that one is connected';
      throw new WarrenError('forbidden', { what: `connect to the operation ${id}`, why });
    }
    return (socket) => {
      sockets.connect(name, socket);
    };
  }
  throw new WarrenError('not_found', { kind: 'websocket', name: path });
}

/** An ordinary HTTP answer in place of the handshake; the client prints its status. */
function refuse(context: DaemonContext, stream: Duplex, error: unknown): void {
  const failure = asWarrenError(error, {
    log: context.log,
    logPath: context.engine.paths.daemonLog,
    what: 'open a websocket',
  });
  const { status } = catalogue[failure.code];
  const body = JSON.stringify(errorBody(failure));
  stream.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
