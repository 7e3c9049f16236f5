import { afterAll, beforeAll, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { Instance } from '../../src/contract/api/instances.ts';
import type { TestDaemon } from '../fakes/daemon.ts';

let daemon: TestDaemon;
let api: ApiClient;
beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
  await api.upload('an image', { 'X-LXD-aliases': 'alias=i' });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

test('files and snapshots of a copy that is refreshed are those of its source, its settings are its own', async () => {
  await api.done('POST', '/1.0/instances', { name: 'of', source: { type: 'image', alias: 'i' } });
  const snapshot = (name: string) =>
    api.done('POST', '/1.0/instances/of/snapshots', { name, stateful: false });
  const put = (name: string, text: string) =>
    api.send('POST', `/1.0/instances/${name}/files?path=/root/f`, { body: text });
  const file = async (name: string) =>
    (await api.call('GET', `/1.0/instances/${name}/files?path=/root/f`)).body.toString();
  const refresh = (source: object = {}) =>
    api.operate('POST', '/1.0/instances', {
      name: 'older',
      config: { 'user.b': 'not taken over' },
      source: { type: 'copy', source: 'of', refresh: true, ...source },
    });
  const names = () => api.get<string[]>('/1.0/instances/older/snapshots');
  const url = (name: string) => `/1.0/instances/older/snapshots/${name}`;
  await snapshot('s1');
  await api.done('POST', '/1.0/instances', {
    name: 'older',
    config: { 'user.a': 'own' },
    source: { type: 'copy', source: 'of', refresh: true },
  });
  expect(await names()).toEqual([url('s1')]);
  await put('of', 'newer');
  await put('older', 'lost');
  await snapshot('s2');
  await api.done('DELETE', '/1.0/instances/of/snapshots/s1');
  expect((await refresh({ instance_only: true })).status).toBe('Success');
  expect(await file('older')).toBe('newer');
  expect(await names()).toEqual([url('s1')]);
  expect((await refresh()).status).toBe('Success');
  expect(await names()).toEqual([url('s2')]);
  const { config } = await api.get<Instance>('/1.0/instances/older');
  expect(config).toMatchObject({ 'user.a': 'own', 'volatile.apply_template': 'copy' });
  expect(config).not.toHaveProperty('user.b');
  expect(config).not.toHaveProperty('volatile.restoring');
  await api.done('PUT', '/1.0/instances/older/state', { action: 'start', timeout: 30 });
  expect((await refresh()).err).toMatch(/older.*running/);
  const self = await api.operate('POST', '/1.0/instances', {
    name: 'of',
    source: { type: 'copy', source: 'of', refresh: true },
  });
  expect(self.err).toContain('no copy of itself');
  await api.done('PUT', '/1.0/instances/older/state', { action: 'stop', force: true });
  // From each other at once: one is done and one refused, or both in turn, and none waits for ever.
  await Promise.all([
    refresh(),
    api.operate('POST', '/1.0/instances', {
      name: 'of',
      source: { type: 'copy', source: 'older', refresh: true },
    }),
  ]);
});
