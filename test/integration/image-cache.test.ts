import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { updateImages } from '../../src/engine/images/auto-update.ts';
import { deleteExpiredImages } from '../../src/engine/images/expire.ts';
import { unattended } from '../../src/engine/types.ts';
import { openDaemon } from '../fakes/daemon.ts';
import { openStreamServer } from '../helpers/stream-server.ts';
import { ApiClient } from './client.ts';

import type { Image } from '../../src/contract/api/images.ts';
import type { TestDaemon } from '../fakes/daemon.ts';
import type { StreamTestServer } from '../helpers/stream-server.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

let daemon: TestDaemon;
let server: StreamTestServer;
let api: ApiClient;
let fingerprint: string;
beforeEach(async () => {
  daemon = await openDaemon();
  server = await openStreamServer();
  api = new ApiClient(daemon.socket);
  fingerprint = server.publish('20240101_05:00', Buffer.from('metadata'), Buffer.from('root'));
  const config = { 'features.images': 'true', 'features.profiles': 'false' };
  await api.call('POST', '/1.0/projects', { name: 'lab', config });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

const source = () => ({ type: 'image', protocol: 'simplestreams', server: server.url });
const launch = (name: string, project = 'default') =>
  api.done('POST', `/1.0/instances?project=${project}`, {
    name,
    source: { ...source(), alias: 'test/one' },
  });
const images = async (project = 'default') =>
  (await api.get<Image[]>(`/1.0/images?recursion=1&project=${project}`)).map(
    (image) => image.fingerprint,
  );
const set = async (path: string, config: object) => {
  expect((await api.call('PATCH', path, { config })).status).toBe(200);
};
/** What the clock does, so many days from now. */
const after = (days: number) =>
  deleteExpiredImages(
    { ...daemon.context.engine, now: () => Date.now() + days * dayMs },
    unattended,
  );
const files = () => readdirSync(join(daemon.dir, 'images'));

test('what was fetched for a launch goes when nobody used it for the days that a project or the server says', async () => {
  await launch('a');
  await launch('b', 'lab');
  const upload = await api.upload('a file');
  const asked = String(upload.metadata['fingerprint']);
  await set('/1.0/projects/lab', { 'images.remote_cache_expiry': '2' });
  await after(1);
  expect(await images('lab')).toEqual([fingerprint]);
  await after(3);
  expect(await images('lab')).toEqual([]);
  expect(await images()).toEqual([fingerprint, asked]);
  expect(files()).toContain(fingerprint);
  await set('/1.0', { 'images.remote_cache_expiry': '0' });
  await after(10_000);
  await set('/1.0', { 'images.remote_cache_expiry': '' });
  await after(9);
  expect(await images()).toEqual([fingerprint, asked]);
  await after(11);
  expect(await images()).toEqual([asked]);
  expect(files().filter((name) => name.startsWith(fingerprint))).toEqual([]);
  // Machines stand on what they were made of, and a launch fetches it again.
  await api.done('PUT', '/1.0/instances/a/state', { action: 'start' });
  await api.done('POST', '/1.0/instances', { name: 'c', source: { type: 'copy', source: 'a' } });
  await launch('d');
  expect(await images()).toEqual([asked, fingerprint]);
});

test('an image that was asked for by itself, was named, or is used again, stays', async () => {
  await launch('a');
  const alias = { name: 'mine', target: fingerprint };
  await api.call('POST', '/1.0/images/aliases', alias);
  await after(11);
  expect(await images()).toEqual([fingerprint]);
  await api.call('DELETE', '/1.0/images/aliases/mine');
  const { engine } = daemon.context;
  const [image] = engine.store.images.list('default');
  if (image === undefined) throw new Error('no image');
  engine.store.images.setUsed(image.id, Date.now() - 11 * dayMs);
  await launch('b');
  await after(0);
  expect(await images()).toEqual([fingerprint]);
  await api.done('POST', '/1.0/images', { source: { ...source(), fingerprint: 'test/one' } });
  await after(11);
  expect(await images()).toEqual([fingerprint]);
});

test('a newer version that nobody used goes when the older one would have', async () => {
  await launch('a');
  const { engine } = daemon.context;
  const [image] = engine.store.images.list('default');
  if (image === undefined) throw new Error('no image');
  engine.store.images.setUsed(image.id, Date.now() - 9 * dayMs);
  const newest = server.publish('20240202_05:00', Buffer.from('m2'), Buffer.from('r2'));
  await api.done('POST', `/1.0/images/${fingerprint}/refresh`, {});
  expect(await images()).toEqual([newest]);
  await after(2);
  expect(await images()).toEqual([]);
});

test('how often newer images are looked for, a project or the server says', async () => {
  await launch('a');
  await launch('b', 'lab');
  const looks = async (hours: number): Promise<number> => {
    const before = server.asked.length;
    for (let minute = 0; minute < hours * 60; minute++) {
      await updateImages(daemon.context.engine, minute * minuteMs, unattended);
    }
    return server.asked.slice(before).filter((path) => path.endsWith('index.json')).length;
  };
  expect(await looks(6)).toBe(2);
  await set('/1.0', { 'images.auto_update_interval': '2' });
  await set('/1.0/projects/lab', { 'images.auto_update_interval': '1' });
  expect(await looks(2)).toBe(3);
  await set('/1.0', { 'images.auto_update_interval': '0' });
  expect(await looks(2)).toBe(2);
  await set('/1.0/projects/lab', { 'images.auto_update_interval': '' });
  expect(await looks(6)).toBe(0);
  await api.done('DELETE', `/1.0/images/${fingerprint}`);
  await set('/1.0', { 'images.auto_update_cached': 'false' });
  await launch('c');
  expect(await api.get(`/1.0/images/${fingerprint}`)).toMatchObject({ auto_update: false });
});
