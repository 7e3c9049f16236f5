import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { rmSync } from 'node:fs';

import { WebSocket, WebSocketServer } from 'ws';

/**
 * `node ws-pipe.mjs SOCKET BYTES`: zeros from a pipe through a websocket on a unix socket into another
 * process, and nothing else. What a daemon on Node that passes on a command's output can reach.
 */
const [socket = '', bytes = '', role = 'server'] = process.argv.slice(2);
const highWaterBytes = 256 * 1024;

if (role === 'client') receive();
else serve();

function serve(): void {
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on('connection', (client) => {
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
      client.close();
    });
  });
  server.listen(socket, () => {
    const words = [process.argv[1] ?? '', socket, bytes, 'client'];
    spawn(process.execPath, words, { stdio: 'inherit' }).once('exit', (code) => {
      rmSync(socket, { force: true });
      process.exit(code ?? 1);
    });
  });
}

function receive(): void {
  const client = new WebSocket(`ws+unix://${socket}:/`, { perMessageDeflate: false });
  let received = 0;
  client.on('message', (data: Buffer) => {
    received += data.length;
  });
  client.once('close', () => {
    process.stdout.write(`${received}\n`);
  });
}
