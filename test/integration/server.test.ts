import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { StringMap } from '../../src/contract/api/instances.ts';
import type { Server } from '../../src/contract/api/server.ts';
import type { TestDaemon } from '../fakes/daemon.ts';

let daemon: TestDaemon;
let api: ApiClient;
beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

describe('the server', () => {
  test('lists its one version', async () => {
    const { json } = await api.call('GET', '/');
    expect(json).toEqual({
      type: 'sync',
      status: 'Success',
      status_code: 200,
      operation: '',
      error_code: 0,
      error: '',
      metadata: ['/1.0'],
    });
  });

  test('describes itself as stock clients want it', async () => {
    const server = await api.get<Server>('/1.0');
    expect(server).toMatchObject({
      config: {},
      api_status: 'stable',
      api_version: '1.0',
      auth: 'trusted',
      public: false,
      environment: { server: 'warren', server_clustered: false, addresses: [] },
      warren: { socket: daemon.socket, cgroup_driver: 'cgroupfs', instances: 0 },
    });
    expect(server.environment.storage).not.toBe('');
    expect(server.environment.certificate).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
    expect(server.api_extensions).toContain('api_filtering');
    expect(server.api_extensions).not.toContain('clustering');
  });

  test('answers a GET with a body, which clients do send', async () => {
    for (const body of ['""', 'null', '{}']) {
      const { status } = await api.send('GET', '/1.0', { body });
      expect(status).toBe(200);
    }
  });

  test('answers a path with a trailing question mark', async () => {
    expect((await api.call('GET', '/1.0?')).status).toBe(200);
  });

  test('stores config of its own, with ETag and If-Match', async () => {
    const first = await api.call('GET', '/1.0');
    const etag = first.headers.etag ?? '';
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
    const put = (ifMatch: string) =>
      api.send('PUT', '/1.0', {
        body: JSON.stringify({ config: { 'user.motto': 'dig', 'user.empty': '' } }),
        headers: { 'If-Match': ifMatch },
      });
    expect((await put(etag)).status).toBe(200);
    expect((await api.get<Server>('/1.0')).config).toEqual({ 'user.motto': 'dig' });
    const stale = await put(etag);
    expect(stale.status).toBe(412);
    expect(stale.json.warren?.code).toBe('stale');
    await api.call('PATCH', '/1.0', { config: { 'user.other': 1 } });
    expect((await api.get<Server>('/1.0')).config).toEqual({
      'user.motto': 'dig',
      'user.other': '1',
    });
    await api.call('PUT', '/1.0', { config: {} });
    expect((await api.get<Server>('/1.0')).config).toEqual({});
  });

  test('refuses config keys it does not have, all at once', async () => {
    const { status, json } = await api.call('PUT', '/1.0', {
      config: { 'core.https_address': ':8443', nonsense: 'x' },
    });
    expect(status).toBe(400);
    expect(json.error).toMatch(/core\.https_address.*nonsense/);
  });

  test('has one project', async () => {
    expect(await api.get('/1.0/projects')).toEqual(['/1.0/projects/default']);
    expect((await api.call('GET', '/1.0/projects/other')).status).toBe(404);
    expect((await api.call('GET', '/1.0/instances?project=other')).status).toBe(404);
    expect((await api.call('GET', '/1.0/instances?project=default')).status).toBe(200);
    expect(await api.get('/1.0/projects/default/state')).toMatchObject({
      resources: { instances: { Limit: -1, Usage: 0 } },
    });
  });

  test('has one storage pool with true sizes and no volumes', async () => {
    expect(await api.get('/1.0/storage-pools?recursion=1')).toMatchObject([
      { name: 'default', driver: 'overlay', status: 'Created' },
    ]);
    const { space } = await api.get<{ space: { used: number; total: number } }>(
      '/1.0/storage-pools/default/resources',
    );
    expect(space.total).toBeGreaterThan(space.used);
    expect(await api.get('/1.0/storage-pools/default/volumes?filter=&recursion=1')).toEqual([]);
    expect((await api.call('GET', '/1.0/storage-pools/other')).status).toBe(404);
    expect((await api.call('POST', '/1.0/storage-pools', { name: 'x' })).status).toBe(501);
  });

  test('lets its storage pool be described, and nothing else of it be changed', async () => {
    const pool = '/1.0/storage-pools/default';
    const read = () => api.get<{ description: string; config: StringMap }>(pool);
    const { config: facts } = await read();
    const { etag } = (await api.call('GET', pool)).headers;
    const description = 'fast';
    const put = (body: object) => api.call('PUT', pool, body);
    const config = { ...facts, 'user.a': '1' };
    expect((await put({ description, config })).json).toMatchObject({ type: 'sync' });
    expect(await read()).toMatchObject({ description, config });
    expect((await api.call('PATCH', pool, { config: { 'user.b': '2' } })).status).toBe(200);
    expect((await read()).config).toEqual({ ...config, 'user.b': '2' });
    expect((await api.call('PATCH', pool, { config: { 'user.b': '' } })).status).toBe(200);
    expect(await read()).toMatchObject({ description, config });
    const stale = { body: '{}', headers: { 'if-match': String(etag) } };
    expect((await api.send('PUT', pool, stale)).status).toBe(412);
    for (const [key, value, reason] of [
      ['source', '/elsewhere', /config.source: .*where everything of yours lies/],
      ['source', '', /config.source/],
      ['warren.tier', 'another', /config.warren.tier: .*what the host can do/],
      ['volume.size', '1GiB', /config.volume.size: .*keys of their own/],
      ['usr.a', '1', /config.usr.a: unknown key/],
    ] as const) {
      const { status, json } = await api.call('PATCH', pool, { config: { [key]: value } });
      expect({ status, error: json.error }).toMatchObject({
        status: 400,
        error: expect.stringMatching(reason) as string,
      });
    }
    expect(await read()).toMatchObject({ description, config });
    expect((await put({})).status).toBe(200);
    expect(await read()).toMatchObject({ description: '', config: facts });
    expect((await api.call('DELETE', pool)).status).toBe(501);
    expect((await api.call('PUT', `${pool}s`, {})).status).toBe(404);
  });

  test('has no cluster, certificates or warnings, and says so', async () => {
    expect(await api.get('/1.0/cluster')).toMatchObject({ enabled: false });
    expect(await api.get('/1.0/certificates?recursion=1')).toEqual([]);
    expect(await api.get('/1.0/warnings?recursion=1')).toEqual([]);
    expect((await api.call('GET', '/1.0/warnings/none')).status).toBe(404);
  });

  test('knows the cpus and the memory of the host', async () => {
    const resources = await api.get<{
      cpu: { total: number; sockets: { cores: { threads: unknown[] }[] }[] };
      memory: { used: number; total: number };
    }>('/1.0/resources');
    const threads = resources.cpu.sockets.flatMap(({ cores }) =>
      cores.flatMap((core) => core.threads),
    );
    expect(threads).toHaveLength(resources.cpu.total);
    expect(resources.memory.used).toBeGreaterThan(0);
    expect(resources.memory.used).toBeLessThan(resources.memory.total);
  });

  test('lists its config keys', async () => {
    const { configs } = await api.get<{ configs: Record<string, unknown> }>(
      '/1.0/metadata/configuration',
    );
    expect(JSON.stringify(configs['instance'])).toContain('limits.memory');
  });

  test('answers an unknown path and an unknown method with an envelope', async () => {
    for (const [method, path] of [
      ['GET', '/2.0'],
      ['GET', '/1.0/nonsense'],
      ['POST', '/1.0/instances/web/nonsense'],
      ['DELETE', '/1.0'],
    ] as const) {
      const { status, json } = await api.call(method, path);
      expect(status).toBe(404);
      expect(json).toMatchObject({ type: 'error', error_code: 404, metadata: null });
    }
  });

  test('leaves when asked, after the answer', async () => {
    expect((await api.call('POST', '/1.0/warren/daemon', { action: 'jump' })).status).toBe(400);
    const { status } = await api.call('POST', '/1.0/warren/daemon', { action: 'restart' });
    expect(status).toBe(200);
    await expect.poll(() => daemon.left).toEqual([{ again: true, keeper: false }]);
  });

  test('stops every machine before it leaves, and stays to tell', async () => {
    await api.done('POST', '/1.0/instances', { name: 'last', source: { type: 'none' } });
    await api.done('POST', '/1.0/warren/daemon', { action: 'stop', machines: true });
    await expect
      .poll(() => daemon.left.at(-1), { timeout: 3000 })
      .toEqual({
        again: false,
        keeper: true,
      });
    await api.done('DELETE', '/1.0/instances/last');
  });

  test('serves nobody but its user', async () => {
    await using other = await openDaemon({ uid: (process.getuid?.() ?? 0) + 1 });
    await expect(new ApiClient(other.socket).call('GET', '/1.0')).rejects.toThrow(
      /socket hang up|ECONNRESET|EPIPE/,
    );
  });
});
