import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { openStreamServer } from '../helpers/stream-server.ts';
import { ApiClient } from './client.ts';

import type { Image } from '../../src/contract/api/images.ts';
import type { TestDaemon } from '../fakes/daemon.ts';
import type { StreamTestServer } from '../helpers/stream-server.ts';

let daemon: TestDaemon;
let server: StreamTestServer;
let api: ApiClient;
beforeEach(async () => {
  daemon = await openDaemon();
  server = await openStreamServer();
  api = new ApiClient(daemon.socket);
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

const bytes = (text: string): Buffer => Buffer.from(text);
const source = (reference: string, more: object = {}) => ({
  type: 'image',
  mode: 'pull',
  protocol: 'simplestreams',
  server: server.url,
  // Where the stock client puts an alias.
  fingerprint: reference,
  ...more,
});
const copy = (reference: string, more: object = {}) =>
  api.operate('POST', '/1.0/images', { source: source(reference), ...more });
const images = () => api.get<Image[]>('/1.0/images?recursion=1');
const leftovers = () =>
  readdirSync(join(daemon.dir, 'images')).filter((name) => name.startsWith('download-'));

test('an image of a server is fetched by its alias, and is what its fingerprint says', async () => {
  server.publish('20240101_05:00', bytes('old metadata'), bytes('old root'));
  const newest = server.publish('20240202_05:00', bytes('metadata'), bytes('root'));
  const { status, metadata } = await copy('test/one', {
    public: true,
    auto_update: true,
    aliases: [{ name: 'mine', description: 'a copy' }],
  });
  expect(status).toBe('Success');
  expect(metadata).toMatchObject({ fingerprint: newest });
  expect(await images()).toMatchObject([
    {
      fingerprint: newest,
      aliases: [{ name: 'mine', description: 'a copy' }],
      public: true,
      auto_update: true,
      cached: false,
      filename: 'lxd.tar.xz',
      properties: {
        os: 'Test',
        serial: '20240202_05:00',
        type: 'root.tar.xz',
        description: 'Test 1 amd64 (20240202_05:00)',
      },
      update_source: { alias: 'test/one', server: server.url, protocol: 'simplestreams' },
    },
  ]);
  expect(leftovers()).toEqual([]);
});

test('a server may send on to another place, a few times, and to none without encryption or of another kind', async () => {
  const newest = server.publish('20240202_05:00', bytes('metadata'), bytes('root'));
  server.redirect('streams/v1/index.json', `${server.url}/moved`);
  server.redirect('moved', '/again');
  server.answer(
    'again',
    JSON.stringify({
      format: 'index:1.0',
      index: {
        images: {
          datatype: 'image-downloads',
          path: 'streams/v1/images.json',
          products: ['test:1:amd64:default'],
        },
      },
    }),
  );
  expect((await copy('test/one')).metadata).toMatchObject({ fingerprint: newest });
  server.redirect('again', '/moved');
  expect((await copy('test/1')).err).toMatch(/leads on and on/);
  server.redirect('moved', 'data:application/json,{}');
  expect((await copy('test/1')).err).toMatch(/leads to data:/);
});

test('a machine is launched from a server, once downloaded also without it', async () => {
  const newest = server.publish('20240202_05:00', bytes('metadata'), bytes('root'));
  const create = (name: string) =>
    api.operate('POST', '/1.0/instances', {
      name,
      source: { ...source(''), alias: 'test/one/amd64', fingerprint: '' },
    });
  const both = await Promise.all([create('a'), create('b')]);
  expect(both.map(({ status }) => status)).toEqual(['Success', 'Success']);
  expect(server.asked.filter((path) => path.endsWith('root.tar.xz'))).toHaveLength(1);
  expect(await images()).toMatchObject([{ fingerprint: newest, cached: true, auto_update: true }]);
  await server.close();
  expect((await create('c')).status).toBe('Success');
  expect((await copy('test/none')).err).toMatch(/cannot be fetched/);
});

test('refresh takes a newer version in place of the old one, with its names', async () => {
  const old = server.publish('20240101_05:00', bytes('old metadata'), bytes('old root'));
  await copy('test/1', { aliases: [{ name: 'mine' }] });
  const refresh = (fingerprint: string) =>
    api.done('POST', `/1.0/images/${fingerprint}/refresh`, {});
  expect((await refresh(old)).metadata).toMatchObject({ refreshed: false });
  const newest = server.publish('20240202_05:00', bytes('metadata'), bytes('root'));
  expect((await refresh(old)).metadata).toMatchObject({ refreshed: true });
  expect(await images()).toMatchObject([{ fingerprint: newest, aliases: [{ name: 'mine' }] }]);
});

test('what several projects ask for is downloaded once, and each follows its server', async () => {
  const old = server.publish('20240101_05:00', bytes('old metadata'), bytes('old root'));
  const projects = ['default', 'one', 'two'];
  for (const name of projects.slice(1)) {
    const config = { 'features.images': 'true', 'features.profiles': 'false' };
    await api.call('POST', '/1.0/projects', { name, config });
  }
  const of = (project: string) => api.get<Image[]>(`/1.0/images?recursion=1&project=${project}`);
  const fetched = projects.map((project) =>
    api.done('POST', `/1.0/images?project=${project}`, {
      source: source('test/1'),
      aliases: [{ name: `in-${project}` }],
      properties: { of: project },
      profiles: ['default'],
    }),
  );
  await Promise.all(fetched);
  const roots = () => server.asked.filter((path) => path.endsWith('root.tar.xz'));
  expect(roots()).toHaveLength(1);
  for (const project of projects) {
    expect(await of(project)).toMatchObject([
      {
        ...{ fingerprint: old, aliases: [{ name: `in-${project}` }], profiles: ['default'] },
        ...{ properties: { of: project, os: 'Test' }, update_source: { alias: 'test/1' } },
      },
    ]);
  }
  const newest = server.publish('20240202_05:00', bytes('metadata'), bytes('root'));
  const refresh = (project: string) =>
    api.done('POST', `/1.0/images/${old}/refresh?project=${project}`, {});
  expect((await refresh('one')).metadata).toMatchObject({ refreshed: true });
  const files = () => readdirSync(join(daemon.dir, 'images')).map((name) => name.slice(0, 64));
  expect(new Set(files())).toEqual(new Set([old, newest]));
  for (const project of ['two', 'default']) await refresh(project);
  expect(new Set(files())).toEqual(new Set([newest]));
  expect(roots()).toHaveLength(2);
  for (const project of projects) {
    expect(await of(project)).toMatchObject([
      { fingerprint: newest, aliases: [{ name: `in-${project}` }] },
    ]);
  }
});

test.each<[string, (server: StreamTestServer) => void, RegExp]>([
  [
    'another file than was announced',
    (it) => {
      it.answer('images/20240202/root.tar.xz', 'toor');
    },
    /is not the file that was announced/,
  ],
  [
    'a longer one',
    (it) => {
      it.answer('images/20240202/root.tar.xz', 'root and more');
    },
    /longer than the 4 bytes announced/,
  ],
  [
    'a shorter one',
    (it) => {
      it.answer('images/20240202/root.tar.xz', 'ro');
    },
    /has 2 bytes, wanted the 4/,
  ],
  [
    'none',
    (it) => {
      it.answer('images/20240202/root.tar.xz', undefined);
    },
    /answered with 404/,
  ],
  [
    'an index that is none',
    (it) => {
      it.answer('streams/v1/index.json', 'hello');
    },
    /is no JSON/,
  ],
  [
    'a list without it',
    (it) => {
      it.answer('streams/v1/images.json', '{"products": {"x": null, "y": {"versions": []}}}');
    },
    /Cannot find image on .*"test\/one"/,
  ],
])('of a server that sends %s nothing is kept', async (_what, change, reason) => {
  server.publish('20240202', bytes('metadata'), bytes('root'));
  change(server);
  const { status, err } = await copy('test/one');
  expect(status).toBe('Failure');
  expect(err).toMatch(reason);
  expect(await images()).toEqual([]);
  expect(leftovers()).toEqual([]);
});

test('a pair of files that have another fingerprint together is refused', async () => {
  server.publish('20240202', bytes('metadata'), bytes('root'));
  const list = (await (await fetch(`${server.url}/streams/v1/images.json`)).text()).replace(
    /"combined_rootxz_sha256":"[0-9a-f]{8}/,
    '"combined_rootxz_sha256":"00000000',
  );
  server.answer('streams/v1/images.json', list);
  expect((await copy('test/one')).err).toMatch(/its fingerprint is .*, wanted 00000000/);
  expect(await images()).toEqual([]);
});

test('another protocol, and what is no URL, is refused', async () => {
  for (const more of [{ protocol: 'lxd' }, { protocol: '' }, { server: 'file:///etc' }]) {
    const { status, err } = await api.operate('POST', '/1.0/images', {
      source: source('x', more),
    });
    expect(status).toBe('Failure');
    expect(err).toMatch(/simplestreams servers|no URL of a server/);
  }
});
