import { createHash } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { openProxy } from '../helpers/http-proxy.ts';
import { openWebServer } from '../helpers/web-server.ts';
import { ApiClient } from './client.ts';

import type { Image } from '../../src/contract/api/images.ts';
import type { TestDaemon } from '../fakes/daemon.ts';
import type { TestProxy } from '../helpers/http-proxy.ts';
import type { WebTestServer } from '../helpers/web-server.ts';

/* Images of servers that are asked through a proxy. Nothing but that knows where images.test is. */
const names = ['http_proxy', 'https_proxy', 'no_proxy'];
const body = 'an image';
const hash = createHash('sha256').update(body).digest('hex');
let before: Readonly<Record<string, string | undefined>>;
let daemon: TestDaemon;
let server: WebTestServer;
let proxy: TestProxy;
let api: ApiClient;
beforeEach(async () => {
  before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
  server = await openWebServer(({ url, headers }, response) => {
    const isKnown = headers.host === 'images.test' && headers['proxy-authorization'] === undefined;
    const about = { 'LXD-Image-Hash': hash, 'LXD-Image-URL': '/file' };
    if (!isKnown) response.writeHead(421).end();
    else if (url === '/file') response.end(body);
    else if (url === '/moved') response.writeHead(302, { Location: '/image' }).end();
    else response.writeHead(200, about).end();
  });
  proxy = await openProxy(Number(new URL(server.url).port));
  for (const name of names) process.env[name] = '';
  process.env['http_proxy'] = proxy.url;
});
afterEach(async () => {
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
  await daemon[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const importFrom = (url: string) =>
  api.operate('POST', '/1.0/images', { source: { type: 'url', mode: 'pull', url } });

test('an image is fetched through it, step by step', async () => {
  expect(await importFrom('http://images.test/moved')).toMatchObject({ status: 'Success' });
  expect(await api.get<Image[]>('/1.0/images?recursion=1')).toMatchObject([{ fingerprint: hash }]);
  expect(proxy.asked).toEqual([
    'HEAD http://images.test/moved',
    'HEAD http://images.test/image',
    'GET http://images.test/file',
  ]);
});

test('a server of this host is asked without it', async () => {
  const { err } = await importFrom(`${server.url}/image`);
  expect(err).toContain('is answered with 421');
  expect(proxy.asked).toEqual([]);
});

test('what goes wrong at the proxy is said of it, and never its password', async () => {
  const { host, origin } = new URL(proxy.url);
  process.env['http_proxy'] = origin.replace('http://', 'http://anna:wrong@');
  process.env['https_proxy'] = process.env['http_proxy'];
  expect((await importFrom('http://images.test/image')).err).toContain('is answered with 407');
  const tunnel = await importFrom('https://images.test/image');
  expect(tunnel.err).toContain(`(the proxy http://${host} answers with 407 Proxy Authen`);
  await proxy[Symbol.asyncDispose]();
  for (const scheme of ['http', 'https']) {
    const { err } = await importFrom(`${scheme}://images.test/image`);
    expect(err).toContain(`(the proxy http://${host}: ECONNREFUSED)`);
    expect(err).not.toContain('wrong');
  }
  process.env['http_proxy'] = 'socks5://anna:wrong@images.test';
  const { err } = await importFrom('http://images.test/image');
  expect(err).toMatch(/\(http_proxy is no proxy for HTTP, wanted http:\/\/HOST:PORT\)/);
});
