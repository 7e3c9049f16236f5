import { createServer, request } from 'node:http';
import { connect } from 'node:net';

import type { AddressInfo, Socket } from 'node:net';

/** A proxy for HTTP on 127.0.0.1, behind which every host is the server at one port. */
export interface TestProxy extends AsyncDisposable {
  /** With the name and password that it wants. */
  readonly url: string;
  /** What it was asked for, in order: `GET http://images.test/box`, `CONNECT images.test:443`. */
  readonly asked: string[];
}

const credentials = { user: 'anna', password: 'p@ss' };

export async function openProxy(serverPort: number): Promise<TestProxy> {
  const asked: string[] = [];
  const { user, password } = credentials;
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '', headers } = incoming;
    asked.push(`${method} ${url}`);
    if (headers['proxy-authorization'] !== wanted) {
      outgoing.writeHead(407).end();
      return;
    }
    const { pathname, search, host } = new URL(url);
    const { 'proxy-authorization': _, ...rest } = headers;
    const there = { host: '127.0.0.1', port: serverPort, path: pathname + search };
    request({ ...there, method, headers: { ...rest, host } }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    }).end();
  });
  server.on('connect', ({ url = '', headers }, socket) => {
    asked.push(`CONNECT ${url}`);
    if (headers['proxy-authorization'] !== wanted) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const there = connect(serverPort, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      there.pipe(socket).pipe(there);
    });
    for (const end of [there, socket]) {
      end.on('error', () => {
        there.destroy();
        socket.destroy();
      });
    }
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    asked,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        // Tunnels as well, which are no connections of HTTP any more.
        for (const socket of sockets) socket.destroy();
      }),
  };
}
