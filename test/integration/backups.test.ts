import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { Instance, InstanceFull, InstanceSnapshot } from '../../src/contract/api/instances.ts';
import type { InstanceBackup } from '../../src/contract/api/backups.ts';
import type { Operation } from '../../src/contract/api/operations.ts';
import type { TestDaemon } from '../fakes/daemon.ts';

let daemon: TestDaemon;
let api: ApiClient;
beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
  const image = await api.upload('an image file');
  const fingerprint = String(image.metadata['fingerprint']);
  await api.done('POST', '/1.0/instances', {
    name: 'web',
    description: 'of mine',
    config: { 'user.a': 'b' },
    source: { type: 'image', fingerprint },
  });
  await api.done('POST', '/1.0/instances/web/snapshots', { name: 's1' });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const all = '/1.0/instances/web/backups';
const make = (rest: object = {}): Promise<Operation> =>
  api.done('POST', all, { name: '', expires_at: '2100-01-01T00:00:00Z', ...rest });
const bytesOf = async (name: string): Promise<Buffer> =>
  (await api.send('GET', `${all}/${name}/export`)).body;
const send = (body: Buffer, headers: Readonly<Record<string, string>> = {}) =>
  api.send('POST', '/1.0/instances', {
    body,
    headers: { 'Content-Type': 'application/octet-stream', ...headers },
  });

describe('backups', () => {
  test('are made, listed, renamed, fetched and removed as LXD does it', async () => {
    const operation = await make({ instance_only: true, container_only: true });
    expect(operation.resources).toMatchObject({
      backups: ['/1.0/backups/backup0'],
      instances: ['/1.0/instances/web'],
    });
    expect(await api.get(all)).toEqual([`${all}/backup0`]);
    const backup = {
      name: 'backup0',
      expires_at: '2100-01-01T00:00:00.000Z',
      instance_only: true,
      container_only: true,
      optimized_storage: false,
    };
    expect(await api.get<InstanceBackup>(`${all}/backup0`)).toMatchObject(backup);
    const full = await api.get<InstanceFull>('/1.0/instances/web?recursion=1');
    expect(full.backups).toMatchObject([backup]);
    expect(await api.get('/1.0/containers/web/backups')).toEqual([
      '/1.0/containers/web/backups/backup0',
    ]);

    expect((await make()).metadata['backup']).toBe('backup1');
    const taken = await api.operate('POST', `${all}/backup1`, { name: 'backup0' });
    expect(taken.status).toBe('Failure');
    expect(taken.err).toContain('exists');
    await api.done('POST', `${all}/backup1`, { name: 'nightly' });
    const answer = await api.send('GET', `${all}/nightly/export`);
    expect(answer.headers['content-type']).toBe('application/octet-stream');
    expect(answer.body.length).toBe(Number(answer.headers['content-length']));
    await api.done('DELETE', `${all}/nightly`);
    await api.done('DELETE', `${all}/backup0`);
    expect(await api.get(all)).toEqual([]);
    expect((await api.call('GET', `${all}/nightly`)).status).toBe(404);
    expect((await api.call('DELETE', `${all}/nightly`)).status).toBe(404);
  });

  test('with bad wishes are refused', async () => {
    const bad = [{ name: '../x' }, { name: 'a/b' }];
    for (const body of bad) {
      expect(await api.operate('POST', all, body)).toMatchObject({ status: 'Failure' });
    }
    for (const body of [{ compression_algorithm: 'rm -rf' }, { name: 1 }, { expires_at: 'x' }]) {
      expect((await api.call('POST', all, body)).status).toBe(400);
    }
    expect((await api.call('POST', '/1.0/instances/nobody/backups', {})).status).toBe(404);
  });

  test('go with their machine', async () => {
    await api.done('POST', '/1.0/instances', { name: 'brief', source: { type: 'none' } });
    await api.done('POST', '/1.0/instances/brief/backups', {});
    await api.done('DELETE', '/1.0/instances/brief');
    expect(readdirSync(`${daemon.dir}/backups`).length).toBeLessThanOrEqual(1);
  });
});

describe('importing', () => {
  test('makes the machine with its configuration and snapshots', async () => {
    await make({ name: 'b' });
    const content = await bytesOf('b');
    const answer = await send(content, { 'X-LXD-name': 'again', 'X-LXD-pool': 'default' });
    expect(answer.json).toMatchObject({
      type: 'async',
      metadata: { resources: { instances: ['/1.0/instances/again'] } },
    });
    const ended = await api.get<Operation>(`${answer.json.operation ?? ''}/wait`);
    expect(ended).toMatchObject({ status: 'Success' });
    expect(await api.get<Instance>('/1.0/instances/again')).toMatchObject({
      description: 'of mine',
      status: 'Stopped',
      config: { 'user.a': 'b', 'volatile.apply_template': 'copy' },
    });
    const snapshots = '/1.0/instances/again/snapshots';
    expect(await api.get<InstanceSnapshot[]>(`${snapshots}?recursion=1`)).toMatchObject([
      { name: 's1', config: { 'user.a': 'b' } },
    ]);
    expect(readdirSync(`${daemon.dir}/uploads`)).toEqual([]);

    const twice = await send(content, { 'X-LXD-name': 'again' });
    const failed = await api.get<Operation>(`${twice.json.operation ?? ''}/wait`);
    expect(failed.status).toBe('Failure');
    expect(failed.err).toContain('exists');
    expect(failed.warren_error?.hint).toMatch(/^warren import FILE NAME /);
    await api.done('DELETE', '/1.0/instances/again');
  });

  test('refuses what no new machine may be, and leaves nothing', async () => {
    const bytes = (config: object): Buffer =>
      Buffer.from(JSON.stringify({ index: JSON.stringify({ name: 'bad', config }), parts: [{}] }));
    const machine = { config: {}, devices: {}, profiles: [] };
    const bad = [
      { ...machine, config: { 'no.such.key': '1' } },
      { ...machine, config: { 'volatile.last_state.idmap': '[{"Isuid":true}]' } },
      { ...machine, devices: { d: { type: 'disk', pool: 'other', path: '/x' } } },
      { ...machine, profiles: ['nobody-has-this'] },
    ];
    for (const container of bad) {
      const answer = await send(bytes({ container }));
      const ended = await api.get<Operation>(`${answer.json.operation ?? ''}/wait`);
      expect(ended, JSON.stringify(container)).toMatchObject({ status: 'Failure' });
    }
    expect((await send(bytes({ container: machine }), { 'X-LXD-name': '../x' })).status).toBe(400);
    expect((await send(bytes({ container: machine }), { 'X-LXD-pool': 'no' })).status).toBe(404);
    expect((await send(bytes({}))).status).toBe(400);
    expect((await api.call('GET', '/1.0/instances/bad')).status).toBe(404);
    expect(existsSync(`${daemon.dir}/uploads`)).toBe(true);
    expect(readdirSync(`${daemon.dir}/uploads`)).toEqual([]);
  });
});
