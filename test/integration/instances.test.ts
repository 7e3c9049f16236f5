import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type {
  Instance,
  InstanceFull,
  InstanceSnapshot,
  InstanceState,
} from '../../src/contract/api/instances.ts';
import type { TestDaemon } from '../fakes/daemon.ts';

let daemon: TestDaemon;
let api: ApiClient;
beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
  await api.done('POST', '/1.0/instances', { name: 'web', source: { type: 'none' } });
  const image = await api.upload('an image file', {
    'X-LXD-properties': 'os=Test&release=1',
  });
  await api.call('POST', '/1.0/images/aliases', {
    name: 'test/one',
    target: String(image.metadata['fingerprint']).slice(0, 12),
  });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const create = (name: string, rest: object = {}) =>
  api.done('POST', '/1.0/instances', {
    name,
    source: { type: 'image', alias: 'test/one' },
    ...rest,
  });
const remove = (name: string) => api.done('DELETE', `/1.0/instances/${name}?force=1`);
const change = (name: string, action: string, rest: object = {}) =>
  api.done('PUT', `/1.0/instances/${name}/state`, { action, ...rest });

describe('making machines', () => {
  test('answers 202 with the operation, its URL and what it is about', async () => {
    const answer = await api.call('POST', '/1.0/instances', {
      name: 'made',
      source: { type: 'image', alias: 'test/one' },
      profiles: null,
      architecture: '2',
      config: { 'user.a': 'b', 'user.unset': '' },
    });
    expect(answer.status).toBe(202);
    expect(answer.headers.location).toBe(answer.json.operation);
    expect(answer.json.operation).toMatch(/^\/1\.0\/operations\/[0-9a-f-]{36}$/);
    expect(answer.json).toMatchObject({
      type: 'async',
      status: 'Operation created',
      status_code: 100,
      metadata: {
        class: 'task',
        resources: { instances: ['/1.0/instances/made'], containers: ['/1.0/containers/made'] },
      },
    });
    await api.get(`${answer.json.operation ?? ''}/wait`);
    const made = await api.get<Instance>('/1.0/instances/made');
    expect(made).toMatchObject({
      name: 'made',
      type: 'container',
      status: 'Stopped',
      status_code: 102,
      profiles: ['default'],
      location: 'none',
      last_used_at: '0001-01-01T00:00:00Z',
    });
    expect(made.config['user.a']).toBe('b');
    expect('user.unset' in made.config).toBe(false);
    expect(made.devices).toEqual({});
    expect(made.expanded_devices['root']).toMatchObject({ type: 'disk', path: '/' });
    await remove('made');
  });

  test('starts in the same operation when asked, and passes on what that start has to say', async () => {
    const { metadata } = await create('started', { start: true });
    expect(metadata).toEqual({ warnings: [expect.stringContaining('reaches nothing outside')] });
    expect((await api.get<Instance>('/1.0/instances/started')).status).toBe('Running');
    await remove('started');
  });

  test('chooses a name when none is given', async () => {
    const { resources } = await create('');
    const [url = ''] = resources['instances'] ?? [];
    expect(url).toMatch(/^\/1\.0\/instances\/[a-z][a-z-]+$/);
    await remove(url.split('/').at(-1) ?? '');
  });

  test('an empty list of profiles means none', async () => {
    await create('bare', { profiles: [] });
    expect((await api.get<Instance>('/1.0/instances/bare')).profiles).toEqual([]);
    await remove('bare');
  });

  test.each([
    [{}, /source: is missing/],
    [{ source: {} }, /source\.type/],
    [{ source: { type: 'image' } }, /names no image/],
    [{ source: 'x' }, /source: "x" is there, wanted an object/],
    [{ source: { type: 'none' }, config: [], devices: 3 }, /config: .*devices: /],
    [{ name: 5, source: { type: 'none' } }, /name: 5 is there, wanted a text/],
  ])('refuses %j with 400', async (body, message) => {
    const { status, json } = await api.call('POST', '/1.0/instances', body);
    expect(status).toBe(400);
    expect(json.error).toMatch(message);
    expect(json.error_code).toBe(400);
    expect(json.warren?.code).toBe('invalid');
  });

  test.each([
    [{ type: 'virtual-machine', source: { type: 'none' } }],
    [{ source: { type: 'migration' } }],
  ])('says that it has no %j', async (body) => {
    expect((await api.call('POST', '/1.0/instances', body)).status).toBe(501);
  });

  test('fails in the operation with the catalogue’s terms', async () => {
    const bad = await api.operate('POST', '/1.0/instances', {
      name: 'x',
      source: { type: 'image', alias: 'nothing/here' },
    });
    expect(bad).toMatchObject({
      status: 'Failure',
      status_code: 400,
      warren_error: { code: 'not_found' },
    });
    const odd = { name: 'a_b', source: { type: 'none' } };
    const { err } = await api.operate('POST', '/1.0/instances', odd);
    expect(err).toMatch(/^Cannot create "a_b": name: "a_b" is no host name/);
    const twice = await api.operate('POST', '/1.0/instances', {
      name: 'web',
      source: { type: 'none' },
    });
    expect(twice.warren_error?.code).toBe('exists');
  });
});

describe('the tree of containers', () => {
  test('lists its own URLs and has the same objects', async () => {
    expect(await api.get('/1.0/containers')).toContain('/1.0/containers/web');
    expect(await api.get('/1.0/instances')).toContain('/1.0/instances/web');
    expect(await api.get('/1.0/containers/web')).toEqual(await api.get('/1.0/instances/web'));
    expect(await api.get('/1.0/containers/web/state')).toMatchObject({ status: 'Stopped' });
  });

  test('works for a whole life', async () => {
    await api.done('POST', '/1.0/containers', {
      name: 'old',
      source: { type: 'image', alias: 'test/one' },
    });
    await api.done('PUT', '/1.0/containers/old/state', { action: 'start', timeout: 30 });
    expect(await api.get('/1.0/containers/old')).toMatchObject({ status: 'Running' });
    await api.done('PUT', '/1.0/containers/old/state', { action: 'stop', timeout: 30 });
    await api.done('POST', '/1.0/containers/old/snapshots', { name: 's' });
    expect(await api.get('/1.0/containers/old/snapshots')).toEqual([
      '/1.0/containers/old/snapshots/s',
    ]);
    await api.done('DELETE', '/1.0/containers/old');
    expect((await api.call('GET', '/1.0/containers/old')).status).toBe(404);
  });
});

describe('listings', () => {
  test('recursion gives objects, and states and snapshots', async () => {
    const [one] = await api.get<Instance[]>(
      '/1.0/instances?recursion=1&filter=name eq web'.replaceAll(' ', '%20'),
    );
    expect(one).toMatchObject({ name: 'web' });
    expect(one).not.toHaveProperty('state');
    const [full] = await api.get<InstanceFull[]>('/1.0/instances?filter=&recursion=2');
    expect(full).toMatchObject({
      name: 'web',
      state: { status: 'Stopped', status_code: 102, pid: 0 },
      snapshots: [],
      backups: [],
    });
    const alone = await api.get<InstanceFull>('/1.0/instances/web?recursion=1');
    expect(alone.state.warren?.boot).toBe('stopped');
  });

  test('filters, also without recursion, and refuses bad ones', async () => {
    const list = (filter: string) =>
      api.call('GET', `/1.0/instances?filter=${encodeURIComponent(filter)}`);
    expect((await list('status eq stopped and name eq web')).json.metadata).toEqual([
      '/1.0/instances/web',
    ]);
    expect((await list('status eq running')).json.metadata).toEqual([]);
    expect((await list('status is running')).status).toBe(400);
  });
});

describe('changing a machine', () => {
  test('needs the ETag it was read with, when one is sent', async () => {
    await create('etag');
    const { headers, json } = await api.call('GET', '/1.0/instances/etag');
    const put = (config: object, ifMatch?: string) =>
      api.send('PUT', '/1.0/instances/etag', {
        body: JSON.stringify({ ...(json.metadata as object), config }),
        headers: ifMatch === undefined ? {} : { 'If-Match': ifMatch },
      });
    const good = await put({ 'user.a': '1' }, headers.etag);
    expect(good.status).toBe(202);
    await api.get(`${good.json.operation ?? ''}/wait`);
    const stale = await put({ 'user.a': '2' }, headers.etag);
    expect(stale.status).toBe(412);
    expect((await put({ 'user.a': '3' })).status).toBe(202);
    await expect
      .poll(async () => (await api.get<Instance>('/1.0/instances/etag')).config['user.a'])
      .toBe('3');
    await remove('etag');
  });

  test('PATCHes at the same time lose nothing of each other', async () => {
    await create('twice');
    const keys = ['user.a', 'user.b', 'user.c', 'user.d'];
    const patch = (key: string) =>
      api.call('PATCH', '/1.0/instances/twice', { config: { [key]: key } });
    const answers = await Promise.all(keys.map(patch));
    // Unlike PUT's, it is made by then.
    for (const { status, json } of answers) expect([status, json.type]).toEqual([200, 'sync']);
    const { config } = await api.get<Instance>('/1.0/instances/twice');
    for (const key of keys) expect(config[key]).toBe(key);
    await remove('twice');
  });

  test('PUT replaces and keeps what is the server’s, PATCH merges', async () => {
    await create('patched', {
      config: { 'user.a': '1', 'user.b': '2' },
      devices: { d: { type: 'disk', source: '/tmp', path: '/d' } },
    });
    await api.call('PATCH', '/1.0/instances/patched', {
      config: { 'user.b': '', 'user.c': '3' },
      devices: { e: { type: 'none' } },
    });
    const merged = await api.get<Instance>('/1.0/instances/patched');
    expect(merged.config).toMatchObject({ 'user.a': '1', 'user.c': '3' });
    expect(merged.config).not.toHaveProperty('user.b');
    expect(Object.keys(merged.devices).sort()).toEqual(['d', 'e']);
    await api.done('PUT', '/1.0/instances/patched', {
      architecture: '',
      config: { 'user.z': '1' },
      devices: { d: { type: 'disk', source: '/tmp', path: '/d', readonly: '' } },
      profiles: ['default'],
    });
    const replaced = await api.get<Instance>('/1.0/instances/patched');
    expect(replaced.config).toMatchObject({ 'user.z': '1' });
    expect(replaced.config).not.toHaveProperty('user.a');
    expect(replaced.config['volatile.uuid']).toBe(merged.config['volatile.uuid']);
    expect(replaced.devices).toEqual({ d: { type: 'disk', source: '/tmp', path: '/d' } });
    await remove('patched');
  });

  test('names unknown keys', async () => {
    const config = { 'limits.memry': '1GiB' };
    const { status, json } = await api.call('PATCH', '/1.0/instances/web', { config });
    expect(status).toBe(400);
    expect(json.error).toContain('limits.memory');
  });

  test('renames', async () => {
    await create('before');
    await api.done('POST', '/1.0/instances/before', { name: 'after', migration: false });
    expect((await api.call('GET', '/1.0/instances/before')).status).toBe(404);
    expect((await api.call('POST', '/1.0/instances/after', { name: '' })).status).toBe(400);
    expect((await api.call('POST', '/1.0/instances/after', { migration: true })).status).toBe(501);
    await remove('after');
  });
});

describe('states', () => {
  test('start, freeze, thaw by start, restart, stop', async () => {
    await create('life');
    const status = async () => (await api.get<InstanceState>('/1.0/instances/life/state')).status;
    await change('life', 'start', { timeout: 0, force: false, stateful: false });
    expect(await status()).toBe('Running');
    await change('life', 'freeze', { timeout: 0 });
    expect(await status()).toBe('Frozen');
    await change('life', 'start');
    expect(await status()).toBe('Running');
    await change('life', 'restart', { timeout: -1 });
    expect(await status()).toBe('Running');
    await change('life', 'stop', { timeout: -1 });
    expect(await status()).toBe('Stopped');
    await remove('life');
  });

  test('what cannot be is refused', async () => {
    const put = (body: unknown) => api.call('PUT', '/1.0/instances/web/state', body);
    expect((await put({ action: 'dance' })).status).toBe(400);
    expect((await put({})).status).toBe(400);
    expect((await put({ action: 'stop', timeout: 'soon' })).status).toBe(400);
    expect((await put({ action: 'start', stateful: true })).status).toBe(501);
    expect((await api.call('PUT', '/1.0/instances/none/state', { action: 'start' })).status).toBe(
      404,
    );
    const twice = await api.operate('PUT', '/1.0/instances/web/state', { action: 'stop' });
    expect(twice.warren_error?.code).toBe('wrong_state');
  });

  test('every machine at once', async () => {
    await create('one', { start: true });
    await create('two', { start: true });
    const operation = await api.done('PUT', '/1.0/instances?', {
      state: { action: 'stop', timeout: 0 },
    });
    expect(operation.resources['instances']).toEqual(['/1.0/instances/one', '/1.0/instances/two']);
    expect(await api.get('/1.0/instances?filter=status%20eq%20running')).toEqual([]);
    await remove('one');
    await remove('two');
  });

  test('a running machine is deleted only by force', async () => {
    await create('busy', { start: true });
    const refused = await api.call('DELETE', '/1.0/instances/busy');
    expect(refused.status).toBe(400);
    expect(refused.json.warren?.hint).toBe('warren delete --force busy');
    // Of one that is protected this is said instead: for the other a client would stop it first.
    const [path, key] = ['/1.0/instances/busy', 'security.protection.delete'];
    await api.call('PATCH', path, { config: { [key]: 'true' } });
    for (const query of ['', '?force=1']) {
      expect((await api.call('DELETE', `${path}${query}`)).json).toMatchObject({
        error_code: 403,
        error: `Cannot delete busy: ${key}=true is set by the machine`,
      });
    }
    expect(await api.get(path)).toMatchObject({ status: 'Running' });
    await api.call('PATCH', path, { config: { [key]: 'false' } });
    await remove('busy');
  });

  test('an ephemeral machine is gone when it stops', async () => {
    await create('brief', { ephemeral: true, start: true });
    await change('brief', 'stop', { force: true });
    expect((await api.call('GET', '/1.0/instances/brief')).status).toBe(404);
  });

  test('a machine that halts by itself is seen to have stopped', async () => {
    await create('halting', { start: true });
    daemon.runtime.halt('halting');
    await expect
      .poll(async () => (await api.get<Instance>('/1.0/instances/halting')).status)
      .toBe('Stopped');
    const lastExit = async () =>
      (await api.get<InstanceState>('/1.0/instances/halting/state')).warren?.last_exit;
    await expect.poll(lastExit).toBe('halted');
    await remove('halting');
  });
});

describe('snapshots', () => {
  test('are made, named, listed, copied from, restored, renamed and deleted', async () => {
    await create('snap');
    const first = await api.done('POST', '/1.0/instances/snap/snapshots', {
      name: '',
      stateful: false,
      expires_at: null,
    });
    expect(first.metadata['snapshot']).toBe('snap0');
    await api.done('POST', '/1.0/instances/snap/snapshots', {
      name: 's1',
      expires_at: '2040-01-01T00:00:00Z',
    });
    const all = await api.get<InstanceSnapshot[]>('/1.0/instances/snap/snapshots?recursion=1');
    expect(all.map(({ name }) => name)).toEqual(['snap0', 's1']);
    expect(all[0]?.expires_at).toBe('0001-01-01T00:00:00Z');
    expect(all[1]?.expires_at).toBe('2040-01-01T00:00:00.000Z');
    await api.done('POST', '/1.0/instances/snap/snapshots/s1', { name: 's2' });
    await api.done('PUT', '/1.0/instances/snap', { restore: 'snap/s2', config: null });
    await api.done('POST', '/1.0/instances', {
      name: 'fromsnap',
      type: '',
      source: { type: 'copy', source: 'snap/s2' },
    });
    expect((await api.call('PUT', '/1.0/instances/snap', { restore: 'none' })).status).toBe(404);
    await api.done('DELETE', '/1.0/instances/snap/snapshots/s2');
    expect(await api.get('/1.0/instances/snap/snapshots')).toEqual([
      '/1.0/instances/snap/snapshots/snap0',
    ]);
    expect((await api.call('DELETE', '/1.0/instances/snap/snapshots/s2')).status).toBe(404);
    await remove('snap');
    await remove('fromsnap');
  });
});
