import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

import { WebSocketServer, type WebSocket } from 'ws';

/**
 * `node ws-pipe.mjs DIRECTORY BYTES CLIENT …`: a server in DIRECTORY that knows of LXD's API only
 * how a command is run, whichever it is: zeros from a pipe into a websocket. CLIENT finds it by
 * LXD_DIR. What any daemon on Node that passes on a command's output can reach with that client.
 */
const [directory = '', bytes = '', client = '', ...words] = process.argv.slice(2);
const highWaterBytes = 256 * 1024;

const running = { status: 'Running', status_code: 103 };
const success = { status: 'Success', status_code: 200 };
const id = '6f2d7c7e-5d0b-4b8e-9d57-0d6f1a3f5c11';
/** The secret of each is its name. */
const fds = { '0': '0', '1': '1', '2': '2', control: 'control' };

let state = running;
let onEnd: () => void;
const ended = new Promise<void>((resolve) => {
  onEnd = resolve;
});
const listeners = new Set<WebSocket>();

const socket = join(directory, 'unix.socket');
rmSync(socket, { force: true });
const server = createServer((request, response) => {
  void answer(request, response);
});
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
sockets.on('connection', (client, request: IncomingMessage) => {
  const url = request.url ?? '';
  if (url.startsWith('/1.0/events')) listeners.add(client);
  else if (url.endsWith('secret=1')) send(client);
  else if (url.endsWith('secret=2')) client.send('', { binary: false });
});
server.listen(socket, () => {
  const env = { ...process.env, LXD_DIR: directory };
  spawn(client, words, { stdio: 'inherit', env }).once('exit', (code) => {
    rmSync(socket, { force: true });
    process.exit(code ?? 1);
  });
});

function operation(): object {
  const time = '2026-01-01T00:00:00Z';
  return {
    ...{ id, class: 'websocket', description: 'Executing command', location: 'none', err: '' },
    ...{ created_at: time, updated_at: time, resources: {}, may_cancel: false, ...state },
    metadata: { fds, ...(state === success ? { return: 0 } : {}) },
  };
}

async function answer({ url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const isNew = url.includes('/exec');
  const isOld = url.includes('/operations/');
  if (url.includes('/wait')) await ended;
  const about = { api_version: '1.0', auth: 'trusted', api_extensions: ['instances'] };
  const metadata = isNew || isOld ? operation() : about;
  response.setHeader('Content-Type', 'application/json');
  if (isNew) {
    response.statusCode = 202;
    const body = { type: 'async', ...running, operation: `/1.0/operations/${id}`, metadata };
    response.end(JSON.stringify(body));
  } else response.end(JSON.stringify({ type: 'sync', ...success, metadata }));
}

function send(client: WebSocket): void {
  const source = spawn('head', ['-c', bytes, '/dev/zero'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  }).stdout;
  source.on('data', (chunk: Buffer) => {
    client.send(chunk, { binary: true }, () => {
      if (client.bufferedAmount < highWaterBytes) source.resume();
    });
    if (client.bufferedAmount >= highWaterBytes) source.pause();
  });
  source.once('end', () => {
    client.send('', { binary: false });
    state = success;
    onEnd();
    const timestamp = new Date().toISOString();
    const event = { type: 'operation', timestamp, project: 'default', metadata: operation() };
    for (const listener of listeners) listener.send(JSON.stringify(event));
  });
}
