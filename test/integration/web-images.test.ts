import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { parsePolicy } from '../../src/contract/policy/parse.ts';
import { openDaemon } from '../fakes/daemon.ts';
import { openWebServer } from '../helpers/web-server.ts';
import { eventually } from '../helpers/warren.ts';
import { ApiClient } from './client.ts';

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Image } from '../../src/contract/api/images.ts';
import type { Operation } from '../../src/contract/api/operations.ts';
import type { PolicyState } from '../../src/contract/policy/policy.ts';
import type { TestDaemon } from '../fakes/daemon.ts';
import type { WebTestServer } from '../helpers/web-server.ts';

const body = 'an image';
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let daemon: TestDaemon;
let server: WebTestServer;
let api: ApiClient;
let policy: PolicyState;
let pages: Record<string, Answer>;
let asked: IncomingMessage[];
beforeEach(async () => {
  policy = { kind: 'none' };
  asked = [];
  pages = { '/image': head('/files/box.tar.gz'), '/files/box.tar.gz': (_, it) => it.end(body) };
  daemon = await openDaemon({ policy: () => policy });
  server = await openWebServer((request, response) => {
    asked.push(request);
    const page = pages[request.url ?? ''];
    if (page === undefined) response.writeHead(404).end();
    else page(request, response);
  });
  api = new ApiClient(daemon.socket);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

function head(place: string, hash = sha256(body)): Answer {
  return (_, it) => it.writeHead(200, { 'LXD-Image-Hash': hash, 'LXD-Image-URL': place }).end();
}

const order = (path: string, more: object = {}) => ({
  source: { type: 'url', mode: 'pull', url: `${server.url}${path}` },
  ...more,
});
const importFrom = (path: string, more: object = {}) =>
  api.operate('POST', '/1.0/images', order(path, more));
const images = () => api.get<Image[]>('/1.0/images?recursion=1');
const leftovers = () =>
  readdirSync(join(daemon.dir, 'images')).filter((name) => name.startsWith('download-'));

test('the image at a URL is what its server says in headers', async () => {
  const done = await importFrom('/image', {
    aliases: [{ name: 'box' }],
    properties: { note: 'mine' },
    public: true,
  });
  expect(done).toMatchObject({
    status: 'Success',
    metadata: { fingerprint: sha256(body), size: String(body.length) },
  });
  expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'HEAD /image',
    'GET /files/box.tar.gz',
  ]);
  expect(asked[0]?.headers).toMatchObject({ 'lxd-server-architectures': 'x86_64' });
  expect(await images()).toMatchObject([
    {
      fingerprint: sha256(body),
      aliases: [{ name: 'box' }],
      filename: 'box.tar.gz',
      public: true,
      cached: false,
      properties: { os: 'Fake', note: 'mine' },
      update_source: { server: server.url, protocol: 'direct', alias: `${server.url}/image` },
    },
  ]);
  // What is here by now is not fetched again.
  expect((await importFrom('/image', { aliases: [{ name: 'too' }] })).status).toBe('Success');
  expect(asked.filter(({ method }) => method === 'GET')).toHaveLength(1);
  expect(await images()).toMatchObject([{ aliases: [{ name: 'box' }, { name: 'too' }] }]);
  // Who asks for what is there by now is not given what was there once.
  delete pages['/image'];
  expect((await importFrom('/image')).err).toMatch(/answered with 404/);
  expect(leftovers()).toEqual([]);
});

test('refresh fetches what the URL leads to by then', async () => {
  await importFrom('/image', { aliases: [{ name: 'box' }], filename: 'mine.tar.gz' });
  expect(await images()).toMatchObject([{ filename: 'mine.tar.gz' }]);
  pages['/image'] = head('/files/two', sha256('two'));
  pages['/files/two'] = (_, it) => it.end('two');
  const refreshed = await api.done('POST', `/1.0/images/${sha256(body)}/refresh`, {});
  expect(refreshed.metadata).toMatchObject({ refreshed: true });
  expect(await images()).toMatchObject([
    { fingerprint: sha256('two'), aliases: [{ name: 'box' }] },
  ]);
});

test('its operation tells how far it is and can be cancelled', async () => {
  pages['/files/box.tar.gz'] = (_, it) => {
    it.writeHead(200, { 'Content-Length': '8' }).write(body.slice(0, 4));
  };
  const { json } = await api.call('POST', '/1.0/images', order('/image'));
  const path = json.operation ?? '';
  await eventually(async () => {
    const { metadata } = await api.get<Operation>(path);
    expect(metadata).toMatchObject({ download_progress: 'downloading: 50%' });
  });
  expect(leftovers()).toHaveLength(1);
  expect((await api.call('DELETE', path)).status).toBe(200);
  expect(await api.get<Operation>(`${path}/wait`)).toMatchObject({ status: 'Cancelled' });
  expect(await images()).toEqual([]);
  expect(leftovers()).toEqual([]);
});

test.each<[string, Readonly<Record<string, Answer>>, RegExp]>([
  ['says 404', { '/image': (_, it) => it.writeHead(404).end() }, /answered with 404/],
  ['has no header', { '/image': (_, it) => it.end() }, /without the header LXD-Image-Hash/],
  [
    'says what but not where',
    { '/image': (_, it) => it.writeHead(200, { 'LXD-Image-Hash': sha256(body) }).end() },
    /without the header LXD-Image-URL/,
  ],
  ['has a fingerprint that is none', { '/image': head('/x', '../../etc') }, /no fingerprint/],
  ['leads to a file here', { '/image': head('file:///etc/passwd') }, /leads to file:/],
  ['leads nowhere', { '/image': head('/nothing') }, /answered with 404/],
  [
    'sends other bytes',
    { '/files/box.tar.gz': (_, it) => it.end('another!') },
    /is not the file that was announced/,
  ],
  [
    'announces more than an image may have',
    {
      '/files/box.tar.gz': (_, it) => {
        it.writeHead(200, { 'Content-Length': String(2 ** 40) }).flushHeaders();
      },
    },
    /1099511627776 bytes, wanted at most/,
  ],
  [
    'ends in the middle',
    {
      '/files/box.tar.gz': (_, it) => {
        it.writeHead(200, { 'Content-Length': '8' }).write('an i', () => it.destroy());
      },
    },
    /cannot be fetched/,
  ],
  [
    'sends it encoded',
    { '/files/box.tar.gz': (_, it) => it.writeHead(200, { 'Content-Encoding': 'gzip' }).end('x') },
    /is sent encoded \(gzip\)/,
  ],
])('of a web server that %s nothing is kept', async (_what, changed, reason) => {
  Object.assign(pages, changed);
  const { status, err } = await importFrom('/image');
  expect(status).toBe('Failure');
  expect(err).toMatch(reason);
  expect(await images()).toEqual([]);
  expect(leftovers()).toEqual([]);
});

test('an image that the policy does not allow is not even asked for', async () => {
  const allow = (text: string): void => {
    const parsed = parsePolicy({ images: [text] });
    if (!('policy' in parsed)) throw new Error(JSON.stringify(parsed.issues));
    policy = { kind: 'applies', policy: parsed.policy };
  };
  allow('debian/*');
  expect((await importFrom('/image')).err).toMatch(/an image from elsewhere is not allowed/);
  expect(asked).toEqual([]);
  allow('0'.repeat(64));
  expect((await importFrom('/image')).err).toMatch(/an image from elsewhere is not allowed/);
  expect(asked.map(({ method }) => method)).toEqual(['HEAD']);
  allow(sha256(body));
  expect((await importFrom('/image')).status).toBe('Success');
});

test.each([
  [{ type: 'url' }, /source.url: is missing/],
  [{ type: 'url', url: 'file:///etc/passwd' }, /no URL of a web server/],
  [{ type: 'url', url: 'box.tar.gz' }, /no URL of a web server/],
  [{ type: 'url', url: 'https://me:secret@127.0.0.1/x' }, /has a password/],
])('what is no URL is refused: %j', async (source, reason) => {
  const { status, json } = await api.call('POST', '/1.0/images', { source });
  expect(status).toBe(400);
  expect(json.error).toMatch(reason);
});
