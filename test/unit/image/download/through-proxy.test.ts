import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';

import { fetchThrough } from '../../../../src/image/download/through-proxy.ts';

/* What a proxy, or the server behind it, may say to a daemon that must go on. */
let server: Server | undefined;
afterEach(() => server?.close());

/** A proxy that gives every request the same answer; with what it was asked. */
async function proxyThatSays(answer: string): Promise<{ url: URL; asked: string[] }> {
  const asked: string[] = [];
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (data) => {
      asked.push(data.toString('latin1').split('\r\n')[0] ?? '');
      socket.end(answer, 'latin1');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), asked };
}

const request = { method: 'GET', headers: {}, signal: AbortSignal.timeout(60_000) } as const;

test.each(['http', 'https'])(
  'who switches to another protocol keeps nobody waiting (%s)',
  async (scheme) => {
    const answer = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n';
    const proxy = await proxyThatSays(answer);
    await expect(fetchThrough(proxy.url, `${scheme}://images.test/`, request)).rejects.toThrow(
      `the proxy http://${proxy.url.host}`,
    );
  },
  5000,
);

test('headers of any name are taken, and statuses beyond the known refused', async () => {
  const said = ['__proto__: x', 'constructor: y', 'a: 1', 'A: 2'].join('\r\n');
  const { url } = await proxyThatSays(`HTTP/1.1 200 OK\r\n${said}\r\n\r\nok`);
  const { headers } = await fetchThrough(url, 'http://images.test/', request);
  const names = ['__proto__', 'constructor', 'a'];
  expect(names.map((name) => headers.get(name))).toEqual(['x', 'y', '1, 2']);
  server?.close();
  const other = await proxyThatSays('HTTP/1.1 999 ?\r\n\r\n');
  await expect(fetchThrough(other.url, 'http://images.test/', request)).rejects.toThrow('status');
});

test('the proxy is told neither what stands behind the # nor a password', async () => {
  const { url, asked } = await proxyThatSays('HTTP/1.1 204 No Content\r\n\r\n');
  await fetchThrough(url, 'http://images.test/image?a#secret', request);
  expect(asked).toEqual(['GET http://images.test/image?a HTTP/1.1']);
  for (const scheme of ['http', 'https']) {
    const named = fetchThrough(url, `${scheme}://anna:secret@images.test/`, request);
    await expect(named).rejects.toThrow('names a user');
  }
  expect(asked).toHaveLength(1);
});
