import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { Instance } from '../../src/contract/api/instances.ts';
import type { Network } from '../../src/contract/api/networks.ts';
import type { Profile } from '../../src/contract/api/profiles.ts';
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

describe('profiles', () => {
  test('whose disk has no source are refused by machines, when made and when changed', async () => {
    await api.upload('for disks', { 'X-LXD-aliases': 'alias=disks' });
    const devices = { src: { type: 'disk', source: '/no/such/source', path: '/src' } };
    await api.call('POST', '/1.0/profiles', { name: 'sourceless', devices });
    const machine = { name: 'd', source: { type: 'image', alias: 'disks' } };
    const operation = await api.operate('POST', '/1.0/instances', {
      ...machine,
      profiles: ['default', 'sourceless'],
    });
    expect(operation.err).toContain('/no/such/source does not exist');
    await api.done('POST', '/1.0/instances', { ...machine, profiles: ['default'] });
    const patch = await api.call('PATCH', '/1.0/instances/d', { profiles: ['sourceless'] });
    expect(patch.json.error).toContain('/no/such/source does not exist');
    const change = await api.call('PATCH', '/1.0/profiles/default', { devices });
    expect(change.status).toBe(400);
    expect(change.json.error).toContain('/no/such/source does not exist');
    await api.done('DELETE', '/1.0/instances/d');
    expect((await api.call('DELETE', '/1.0/profiles/sourceless')).status).toBe(200);
  });

  test('change for a machine that gets them while another one is waited for', async () => {
    await api.call('POST', '/1.0/networks', { name: 'late0' });
    await api.call('POST', '/1.0/profiles', { name: 'late' });
    for (const [name, profiles] of [
      ['early', ['late']],
      ['joins', []],
    ] as const) {
      await api.done('POST', '/1.0/instances', { name, profiles, source: { type: 'none' } });
    }
    const held = await daemon.context.engine.live.locks.act('early', 'snapshot');
    const devices = { eth9: { type: 'nic', network: 'late0' } };
    const changed = api.call('PATCH', '/1.0/profiles/late', { devices });
    expect(await Promise.race([changed, setTimeout(50, 'waits')])).toBe('waits');
    await api.call('PATCH', '/1.0/instances/joins', { profiles: ['late'] });
    held[Symbol.dispose]();
    expect((await changed).status).toBe(200);
    for (const name of ['early', 'joins']) {
      const { config } = await api.get<Instance>(`/1.0/instances/${name}`);
      expect(config).toHaveProperty(['volatile.eth9.hwaddr']);
      await api.done('DELETE', `/1.0/instances/${name}`);
    }
    await api.call('DELETE', '/1.0/profiles/late');
    expect((await api.call('DELETE', '/1.0/networks/late0')).status).toBe(200);
  });

  test('are made with nulls, read, replaced, merged, renamed and deleted, all at once', async () => {
    const made = await api.call('POST', '/1.0/profiles', {
      name: 'p',
      config: null,
      devices: null,
    });
    expect(made.status).toBe(201);
    expect(made.headers.location).toBe('/1.0/profiles/p');
    expect(made.json.type).toBe('sync');
    const read = await api.call('GET', '/1.0/profiles/p');
    expect(read.json.metadata).toEqual({
      name: 'p',
      description: '',
      config: {},
      devices: {},
      used_by: [],
    });
    const put = (ifMatch?: string) =>
      api.send('PUT', '/1.0/profiles/p', {
        body: JSON.stringify({ config: { 'user.a': '1' }, description: 'd' }),
        headers: ifMatch === undefined ? {} : { 'If-Match': ifMatch },
      });
    expect((await put(read.headers.etag)).status).toBe(200);
    expect((await put(read.headers.etag)).status).toBe(412);
    await api.call('PATCH', '/1.0/profiles/p', { config: { 'user.b': '2' } });
    expect(await api.get('/1.0/profiles/p')).toMatchObject({
      description: 'd',
      config: { 'user.a': '1', 'user.b': '2' },
    });
    expect((await api.call('POST', '/1.0/profiles', { name: 'p' })).status).toBe(409);
    const renamed = await api.call('POST', '/1.0/profiles/p', { name: 'q' });
    expect([renamed.status, renamed.headers.location]).toEqual([201, '/1.0/profiles/q']);
    expect((await api.call('GET', '/1.0/profiles/p')).status).toBe(404);
    expect((await api.call('DELETE', '/1.0/profiles/q')).status).toBe(200);
    expect((await api.call('DELETE', '/1.0/profiles/q')).status).toBe(404);
  });

  test('ship with warren, and default stays', async () => {
    const names = await api.get<string[]>('/1.0/profiles');
    for (const name of ['default', 'student', 'nesting', 'strict']) {
      expect(names).toContain(`/1.0/profiles/${name}`);
    }
    expect((await api.call('DELETE', '/1.0/profiles/default')).status).toBe(403);
    expect((await api.call('POST', '/1.0/profiles/default', { name: 'x' })).status).toBe(403);
  });

  test('say who uses them and cannot go before', async () => {
    await api.call('POST', '/1.0/profiles', { name: 'used' });
    const source = { type: 'none' };
    await api.done('POST', '/1.0/instances', { name: 'user', source, profiles: ['used'] });
    const { used_by: users } = await api.get<Profile>('/1.0/profiles/used');
    expect(users).toEqual(['/1.0/instances/user']);
    const refused = await api.call('DELETE', '/1.0/profiles/used');
    expect(refused.status).toBe(400);
    expect(refused.json.warren?.code).toBe('in_use');
    await api.done('DELETE', '/1.0/instances/user');
    expect((await api.call('DELETE', '/1.0/profiles/used')).status).toBe(200);
  });

  test.each([
    [{}],
    [{ name: '' }],
    [{ name: '../x' }],
    [{ name: 'x', config: { nonsense: '1' } }],
    [{ name: 'x', devices: { d: { type: 'nonsense' } } }],
    [{ name: 'x', config: { 'user.a': {} } }],
  ])('refuse %j', async (body) => {
    expect((await api.call('POST', '/1.0/profiles', body)).status).toBe(400);
  });
});

describe('networks', () => {
  test('are made, read, replaced, renamed and deleted, all at once', async () => {
    const made = await api.call('POST', '/1.0/networks', { name: 'n1', type: '', config: null });
    expect([made.status, made.json.type]).toEqual([201, 'sync']);
    const read = await api.call('GET', '/1.0/networks/n1');
    const network: Network = read.json.metadata;
    expect(network).toMatchObject({
      type: 'bridge',
      managed: true,
      status: 'Created',
      used_by: [],
    });
    expect(network.config['ipv4.address']).toMatch(/^10\.\d+\.\d+\.1\/24$/);
    const put = await api.send('PUT', '/1.0/networks/n1', {
      body: JSON.stringify({ ...network, config: { ...network.config, 'user.a': 'b' } }),
      headers: { 'If-Match': read.headers.etag ?? '' },
    });
    expect(put.status).toBe(200);
    expect(await api.get('/1.0/networks/n1/leases')).toBeInstanceOf(Array);
    expect((await api.call('POST', '/1.0/networks/n1', { name: 'n2' })).status).toBe(201);
    expect((await api.call('DELETE', '/1.0/networks/n2')).status).toBe(200);
    expect((await api.call('DELETE', '/1.0/networks/n2')).status).toBe(404);
  });

  test('have addresses that no other has, and give out none but their own', async () => {
    const make = (name: string, config: Record<string, string>): ReturnType<typeof api.call> =>
      api.call('POST', '/1.0/networks', { name, config });
    expect((await make('one', { 'ipv4.address': '10.3.1.1/24' })).status).toBe(201);
    const within = await make('two', { 'ipv4.address': '10.3.0.1/16' });
    expect([within.status, within.json.error]).toEqual([
      400,
      'Cannot create the network: config.ipv4.address: 10.3.0.0-10.3.255.255 has addresses of ' +
        'network one (10.3.1.1/24), wanted others or auto',
    ]);
    expect((await make('two', { 'ipv4.address': '10.3.2.1/24' })).status).toBe(201);
    const patch = (config: Record<string, string>): ReturnType<typeof api.call> =>
      api.call('PATCH', '/1.0/networks/two', { config });
    expect((await patch({ 'ipv4.address': '10.3.1.9/30' })).status).toBe(400);
    for (const range of ['10.3.1.5-10.3.1.9', '10.3.2.0-10.3.2.9', '10.3.2.9-10.3.2.255']) {
      const outside = await patch({ 'ipv4.dhcp.ranges': range });
      expect(outside.json.error).toContain(`${range} is not in the network, wanted addresses`);
    }
    const ranges = '10.3.2.5-10.3.2.9, 10.3.2.20-10.3.2.254';
    expect((await patch({ 'ipv4.dhcp.ranges': ranges })).status).toBe(200);
    for (const name of ['one', 'two']) {
      expect((await api.call('DELETE', `/1.0/networks/${name}`)).status).toBe(200);
    }
  });

  test('have fixed addresses that no two machines get', async () => {
    const eth0 = (address: string): Record<string, unknown> => ({
      eth0: { type: 'nic', network: 'warrenbr0', 'ipv4.address': address },
    });
    const make = (name: string, rest: object): Promise<unknown> =>
      api.done('POST', '/1.0/instances', { name, source: { type: 'none' }, ...rest });
    const refused = async (method: string, path: string, body: object): Promise<string> =>
      (await api.call(method, path, body)).json.error;
    await make('one', { devices: eth0('10.77.0.5') });
    const taken =
      'devices.eth0.ipv4.address: 10.77.0.5 is the address of one, wanted one that no other';
    await expect(make('two', { devices: eth0('10.77.0.5') })).rejects.toThrow(taken);
    await make('two', { devices: eth0('10.77.0.6') });
    // A machine is not in its own way, but two interfaces of it are.
    const again = await api.call('PATCH', '/1.0/instances/two', { devices: eth0('10.77.0.6') });
    expect(again.status).toBe(200);
    const eth1 = eth0('10.77.0.6')['eth0'];
    expect(await refused('PATCH', '/1.0/instances/two', { devices: { eth1 } })).toContain(
      'devices.eth1.ipv4.address: 10.77.0.6 is the address of its eth0',
    );
    expect(await refused('PATCH', '/1.0/instances/two', { devices: eth0('10.77.0.5') })).toContain(
      taken,
    );
    // A profile is in the way of whom it is added to, and of itself with two machines.
    await api.call('POST', '/1.0/profiles', { name: 'fixed', devices: {} });
    await api.done('PUT', '/1.0/instances/two', { profiles: ['fixed'], devices: {} });
    const fixed = '/1.0/profiles/fixed';
    expect(await refused('PUT', fixed, { devices: eth0('10.77.0.5') })).toContain(`two: ${taken}`);
    expect((await api.call('PUT', fixed, { devices: eth0('10.77.0.6') })).status).toBe(200);
    await expect(make('three', { profiles: ['fixed'] })).rejects.toThrow('the address of two');
    for (const name of ['one', 'two']) await api.done('DELETE', `/1.0/instances/${name}`);
    expect((await api.call('DELETE', fixed)).status).toBe(200);
  });

  test('that a machine leaves, by itself or with a profile, leave no hardware address in it', async () => {
    const nic = { type: 'nic', network: 'warrenbr0' };
    await api.call('POST', '/1.0/profiles', { name: 'nics', devices: { p0: nic } });
    const machine = { name: 'left', source: { type: 'none' }, profiles: ['nics'] };
    await api.done('POST', '/1.0/instances', { ...machine, devices: { own0: nic } });
    const addresses = async (): Promise<string[]> =>
      Object.keys((await api.get<Instance>('/1.0/instances/left')).config).filter((key) =>
        key.endsWith('.hwaddr'),
      );
    expect((await addresses()).sort()).toEqual(['volatile.own0.hwaddr', 'volatile.p0.hwaddr']);
    await api.done('PUT', '/1.0/instances/left', { profiles: ['nics'], devices: {} });
    expect(await addresses()).toEqual(['volatile.p0.hwaddr']);
    const put = await api.call('PUT', '/1.0/profiles/nics', { devices: {} });
    expect(put.status).toBe(200);
    expect(await addresses()).toEqual([]);
    await api.done('DELETE', '/1.0/instances/left');
    expect((await api.call('DELETE', '/1.0/profiles/nics')).status).toBe(200);
  });

  test('are bridges', async () => {
    const { status } = await api.call('POST', '/1.0/networks', { name: 'x', type: 'macvlan' });
    expect(status).toBe(501);
    const bad = await api.call('POST', '/1.0/networks', {
      name: 'x',
      config: { 'ipv4.address': 'lots' },
    });
    expect(bad.status).toBe(400);
  });
});
