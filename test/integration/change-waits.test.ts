import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Instance } from '../../src/contract/api/instances.ts';
import { getInstance } from '../../src/engine/instances/list.ts';
import { openCommandLine, type CommandLine } from '../helpers/command-line.ts';
import { eventually } from '../helpers/warren.ts';
import { ApiClient } from './client.ts';

/* Changes of a machine's settings while something else is under way with it. */
const path = '/1.0/instances/web';
let line: CommandLine;
let api: ApiClient;
beforeAll(async () => {
  line = await openCommandLine();
  api = new ApiClient(line.daemon.socket);
  await line.run(['init', 'base', 'web']);
});
afterAll(async () => {
  await line[Symbol.asyncDispose]();
});

const isChanging = (): boolean =>
  line.daemon.context.operations
    .list()
    .some(({ spec, isFinal }) => spec.description === 'Updating instance' && !isFinal);

test.each(['PUT', 'PATCH'])('%s of settings waits for what is under way', async (method) => {
  const { config } = await api.get<Instance>(path);
  const held = await line.daemon.context.engine.live.locks.act('web', 'snapshot');
  const changed =
    method === 'PUT' ? api.done(method, path, { config }) : api.call(method, path, {});
  const before = await Promise.race([changed, setTimeout(50, 'waits')]);
  held[Symbol.dispose]();
  expect(before).toBe('waits');
  await expect(changed).resolves.toMatchObject({ status: method === 'PUT' ? 'Success' : 200 });
});

test('a change that waits is cancelled, and nothing has changed', async () => {
  using _ = await line.daemon.context.engine.live.locks.act('web', 'export');
  const { json } = await api.call('PUT', path, { config: { 'user.note': 'x' } });
  expect((await api.call('DELETE', json.operation ?? '')).status).toBe(200);
  expect(await api.get(`${json.operation ?? ''}/wait`)).toMatchObject({ status: 'Cancelled' });
  expect((await api.get<Instance>(path)).config).not.toHaveProperty('user.note');
});

test('a key is set of a machine that changes while what is under way with it is waited for', async () => {
  const { engine } = line.daemon.context;
  const { id } = getInstance(engine, 'web');
  const held = await engine.live.locks.act('web', 'start');
  const set = line.run(['config', 'set', 'web', 'user.note=kept']);
  await eventually(() => {
    expect(isChanging()).toBe(true);
  });
  engine.store.instances.mergeConfig(id, { 'volatile.last_state.ready': 'true' });
  held[Symbol.dispose]();
  expect(await set).toMatchObject({ exitCode: 0, stderr: '' });
  expect(getInstance(engine, 'web').config).toMatchObject({
    'user.note': 'kept',
    'volatile.last_state.ready': 'true',
  });
});
