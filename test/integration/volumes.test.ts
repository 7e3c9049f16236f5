import { afterAll, beforeAll, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { VolumeSnapshot } from '../../src/contract/api/storage-pools.ts';
import type { TestDaemon } from '../fakes/daemon.ts';

let daemon: TestDaemon;
let api: ApiClient;
const all = '/1.0/storage-pools/default/volumes/custom';

beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

test('a volume is made, read, replaced, merged, renamed and deleted, all at once', async () => {
  const made = await api.call('POST', all, { name: 'v', config: { 'user.a': '1' } });
  expect(made).toMatchObject({ status: 201, headers: { location: `${all}/v` } });
  const read = await api.call('GET', `${all}/v`);
  expect(read.json.metadata).toMatchObject({
    ...{ name: 'v', type: 'custom', content_type: 'filesystem', location: 'none', used_by: [] },
    config: { 'user.a': '1' },
  });
  expect(await api.get(`${all}?filter=name%20eq%20v`)).toEqual([`${all}/v`]);
  expect(await api.get(`${all}?filter=name%20eq%20w`)).toEqual([]);
  expect(await api.get(`${all}/v/state`)).toMatchObject({ usage: { total: 0 } });
  const put = (ifMatch: string) =>
    api.send('PUT', `${all}/v`, {
      body: JSON.stringify({ config: { 'user.b': '2' }, description: 'd' }),
      headers: { 'if-match': ifMatch },
    });
  expect((await put('"stale"')).status).toBe(412);
  expect((await put(String(read.headers.etag))).status).toBe(200);
  expect((await put(String(read.headers.etag))).status).toBe(412);
  await api.call('PATCH', `${all}/v`, { config: { 'user.c': '3' } });
  expect(await api.get(`${all}/v`)).toMatchObject({
    ...{ description: 'd', config: { 'user.b': '2', 'user.c': '3' } },
  });
  expect((await api.call('POST', all, { name: 'v' })).status).toBe(409);
  expect((await api.call('POST', `${all}/v`, { name: 'w' })).status).toBe(201);
  expect((await api.call('GET', `${all}/v`)).status).toBe(404);
  expect((await api.call('DELETE', `${all}/w`)).status).toBe(200);
  expect(await api.get(all)).toEqual([]);
});

test.each([
  ['no name', {}, 400],
  ['a name that leads away', { name: '../x' }, 400],
  ['blocks', { name: 'v', content_type: 'block' }, 501],
  ['another type', { name: 'v', type: 'container' }, 501],
  ['shifted ids', { name: 'v', config: { 'security.shifted': 'true' } }, 400],
  ['an unknown key', { name: 'v', config: { sise: '1GiB' } }, 400],
  ['a size that is none', { name: 'v', config: { size: 'much' } }, 400],
  ['a copy of nothing', { name: 'v', source: { type: 'copy', name: 'nothing' } }, 404],
  ['another server', { name: 'v', source: { type: 'migration' } }, 501],
])('a volume with %s is refused', async (_what, body, status) => {
  expect((await api.call('POST', all, body)).status).toBe(status);
});

test('snapshots are made, named, given an end, restored and deleted', async () => {
  await api.call('POST', all, { name: 'v' });
  const one = `${all}/v/snapshots`;
  await api.done('POST', one, {});
  await api.done('POST', one, { name: 's', expires_at: '2099-01-01T00:00:00Z' });
  expect(await api.get(one)).toEqual([`${one}/snap0`, `${one}/s`]);
  const ends = (await api.get<VolumeSnapshot[]>(`${one}?recursion=1`)).map((s) => s.expires_at);
  expect(ends).toEqual([null, '2099-01-01T00:00:00.000Z']);
  expect(await api.get(`${one}/s`)).toMatchObject({ expires_at: '2099-01-01T00:00:00.000Z' });
  await api.done('POST', `${one}/s`, { name: 't' });
  const kept = { description: 'kept', expires_at: null };
  expect((await api.call('PUT', `${one}/t`, kept)).json).toMatchObject({ type: 'sync' });
  expect(await api.get(`${one}/t`)).toMatchObject({
    ...{ description: 'kept', expires_at: '0001-01-01T00:00:00Z' },
  });
  expect((await api.call('PUT', `${all}/v`, { restore: 't' })).status).toBe(200);
  expect((await api.call('PUT', `${all}/v`, { restore: 'nothing' })).status).toBe(404);
  await api.done('POST', all, { name: 'c', source: { type: 'copy', name: 'v', pool: 'default' } });
  expect(await api.get(`${all}/c/snapshots`)).toHaveLength(2);
  await api.done('DELETE', `${one}/t`);
  expect(await api.get(one)).toEqual([`${one}/snap0`]);
  for (const name of ['v', 'c']) await api.call('DELETE', `${all}/${name}`);
});

test('a device names a volume that exists, or a path, and not both', async () => {
  const device = async (keys: object): Promise<string> => {
    const devices = { data: { type: 'disk', path: '/data', ...keys } };
    return (await api.call('POST', '/1.0/profiles', { name: 'p', devices })).json.error;
  };
  expect(await device({ source: 'v', pool: 'default' })).toContain('no storage volume "v"');
  expect(await device({ source: 'v' })).toContain('the name of a volume goes with pool=default');
  expect(await device({ source: '/srv', pool: 'default' })).toContain('no name of a volume');
  expect(await device({ source: 'v', pool: 'other' })).toContain('no storage pool "other"');
});

test('a type that no volume has is refused as such, and a path below a known one is not there', async () => {
  const volumes = '/1.0/storage-pools/default/volumes';
  for (const [method, path] of [
    ['GET', 'disk'],
    ['POST', 'disk'],
    ['GET', 'disk/v'],
    ['PUT', 'disk/v'],
    ['GET', 'disk/v/snapshots'],
    ['DELETE', '__proto__/v'],
  ] as const) {
    const { status, json } = await api.call(method, `${volumes}/${path}`, {});
    expect({ method, path, status }).toEqual({ method, path, status: 400 });
    expect(json.error).toMatch(/type: "(disk|__proto__)" is none, wanted custom, /);
  }
  for (const [method, path] of [
    ['DELETE', 'custom'],
    ['GET', 'custom/v/nothing'],
    ['POST', 'container'],
    ['GET', 'container/none'],
  ] as const) {
    const { status } = await api.call(method, `${volumes}/${path}`, {});
    expect({ method, path, status }).toEqual({ method, path, status: 404 });
  }
  const elsewhere = await api.call('GET', '/1.0/storage-pools/none/volumes/disk');
  expect(elsewhere.status).toBe(404);
});
