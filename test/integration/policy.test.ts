import { mkdirSync, readFileSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { parsePolicy } from '../../src/contract/policy/parse.ts';
import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { PolicyState } from '../../src/contract/policy/policy.ts';
import type { TestDaemon } from '../fakes/daemon.ts';

let state: PolicyState = { kind: 'none' };
let daemon: TestDaemon;
let api: ApiClient;
let fingerprint: string;

beforeAll(async () => {
  daemon = await openDaemon({ policy: () => state });
  api = new ApiClient(daemon.socket);
  fingerprint = (await importImage('base')).fingerprint;
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

/** The administrator writes these rules. */
function rules(text: string): void {
  const parsed = parsePolicy(parse(text));
  if (!('policy' in parsed)) throw new Error(JSON.stringify(parsed.issues));
  state = { kind: 'applies', policy: parsed.policy };
}

async function importImage(content: string): Promise<{ fingerprint: string }> {
  const sent = await api.send('POST', '/1.0/images', {
    body: content,
    headers: { 'content-type': 'application/octet-stream' },
  });
  if (sent.status !== 202) throw refusal(sent.json);
  return finish(sent.json.operation);
}

/** What an operation gives, or the refusal it ends with. */
async function finish<T>(operation: string | undefined): Promise<T> {
  const done = await api.get<{ metadata: T; err: string; status_code: number }>(
    `${operation ?? ''}/wait`,
  );
  if (done.status_code !== 200) throw new Error(done.err);
  return done.metadata;
}

function refusal({ error }: { readonly error: string }): Error {
  return new Error(error);
}

async function act(method: string, path: string, body?: object): Promise<unknown> {
  const { status, json } = await api.call(method, `/1.0/${path}`, body);
  if (status >= 400) throw refusal(json);
  return status === 202 ? await finish(json.operation) : undefined;
}

const create = (name: string, more: object = {}): Promise<unknown> =>
  act('POST', 'instances', { name, source: { type: 'image', fingerprint }, ...more });
const start = (name: string): Promise<unknown> =>
  act('PUT', `instances/${name}/state`, { action: 'start' });
const set = (name: string, config: object, devices: object = {}): Promise<unknown> =>
  act('PATCH', `instances/${name}`, { config, devices });
const remove = async (...names: string[]): Promise<void> => {
  for (const name of names) await act('DELETE', `instances/${name}`, {});
};

describe('a policy is held against what a machine comes to', () => {
  const denied = /raw\.idmap: not allowed, deny has raw\.\* \(the administrator's \/etc\/warren\//;
  const raw = { 'raw.idmap': 'both 1000 1000' };

  test('when it is created, copied and changed, by itself and by its profiles', async () => {
    state = { kind: 'none' };
    await create('before', { config: raw });
    await act('POST', 'profiles', { name: 'mine', config: raw });
    rules('deny: [raw.*]');
    await expect(create('a', { config: raw })).rejects.toThrow(denied);
    await expect(create('a', { profiles: ['default', 'mine'] })).rejects.toThrow(denied);
    const source = { type: 'copy', source: 'before' };
    await expect(create('a', { source })).rejects.toThrow(denied);
    await create('a');
    await expect(set('a', raw)).rejects.toThrow(denied);
    const patch = act('PATCH', 'instances/a', { profiles: ['default', 'mine'] });
    await expect(patch).rejects.toThrow(denied);
    const { config, profiles } = await api.get<{ config: object; profiles: object }>(
      '/1.0/instances/a',
    );
    expect({ config, profiles }).toMatchObject({ profiles: ['default'] });
    expect(config).not.toHaveProperty('raw.idmap');
    await remove('before', 'a');
    await act('DELETE', 'profiles/mine', {});
  });

  test('when a profile that it has is edited, naming the machine', async () => {
    state = { kind: 'none' };
    await act('POST', 'profiles', { name: 'shared', config: {} });
    await create('a', { profiles: ['default', 'shared'] });
    rules('deny: [raw.*]');
    const edit = act('PATCH', 'profiles/shared', { config: raw });
    await expect(edit).rejects.toThrow(/a: config\.raw\.idmap: not allowed, deny has raw\.\*/);
    expect(await api.get('/1.0/profiles/shared')).toMatchObject({ config: {} });
    await remove('a');
    // Nobody carries it any more.
    await act('PATCH', 'profiles/shared', { config: raw });
    await act('DELETE', 'profiles/shared', {});
  });

  test('when it comes in a file, in which another host or an earlier policy allowed more', async () => {
    state = { kind: 'none' };
    await create('a', { config: raw });
    await act('POST', 'instances/a/backups', { name: 'b', expires_at: null });
    const { body } = await api.send('GET', '/1.0/instances/a/backups/b/export');
    await remove('a');
    const headers = { 'content-type': 'application/octet-stream' };
    const bring = async (): Promise<unknown> => {
      const { status, json } = await api.send('POST', '/1.0/instances', { body, headers });
      if (status >= 400) throw refusal(json);
      return await finish(json.operation);
    };
    rules('deny: [raw.*]');
    await expect(bring()).rejects.toThrow(denied);
    expect(await api.get('/1.0/instances')).toEqual([]);
    rules("deny: ['linux.*']");
    await bring();
    await remove('a');
  });

  test('when it is restored and when it starts, also where it was allowed before', async () => {
    state = { kind: 'none' };
    await create('a', { config: raw });
    await act('POST', 'instances/a/snapshots', { name: 's' });
    rules('deny: [raw.*]');
    await expect(start('a')).rejects.toThrow(denied);
    await act('PUT', 'instances/a', { config: {}, devices: {}, profiles: ['default'] });
    await start('a');
    await expect(act('PUT', 'instances/a', { restore: 's' })).rejects.toThrow(denied);
    await act('PUT', 'instances/a/state', { action: 'stop', force: true });
    await remove('a');
  });

  test('and what is against several new rules is mended step by step, which is all it may be', async () => {
    const sysctl = 'linux.sysctl.net.ipv4.ip_forward';
    state = { kind: 'none' };
    await act('POST', 'profiles', { name: 'both', config: { ...raw, [sysctl]: '1' } });
    await create('a', { config: { ...raw, [sysctl]: '1' } });
    await create('b', { profiles: ['default', 'both'] });
    rules("deny: [raw.*, 'linux.*']");
    await expect(set('a', { 'user.x': '1' })).rejects.toThrow(denied);
    await expect(set('a', { 'raw.idmap': '', [sysctl]: '0' })).rejects.toThrow(/linux\.sysctl/);
    await set('a', { 'raw.idmap': '' });
    await expect(set('a', raw)).rejects.toThrow(denied);
    await expect(start('a')).rejects.toThrow(/linux\.sysctl/);
    await set('a', { [sysctl]: '' });
    await start('a');
    const edit = (config: object): Promise<unknown> => act('PATCH', 'profiles/both', { config });
    await expect(edit({ [sysctl]: '0' })).rejects.toThrow(/b: config\.raw\.idmap: not allowed/);
    await edit({ [sysctl]: '' });
    await expect(start('b')).rejects.toThrow(denied);
    await edit({ 'raw.idmap': '' });
    await start('b');
    for (const name of ['a', 'b']) {
      await act('PUT', `instances/${name}/state`, { action: 'stop', force: true });
      await remove(name);
    }
    await act('DELETE', 'profiles/both', {});
  });
});

describe('rules', () => {
  test('force keys over every profile, and refuse a machine that says otherwise', async () => {
    rules("force: { security.nesting: 'false', user.owner: lab }");
    await create('a', { profiles: ['default', 'nesting'] });
    const { expanded_config: config } = await api.get<{ expanded_config: object }>(
      '/1.0/instances/a',
    );
    expect(config).toMatchObject({ 'security.nesting': 'false', 'user.owner': 'lab' });
    await expect(set('a', { 'security.nesting': 'true' })).rejects.toThrow(
      /config\.security\.nesting: "true" is not allowed, force sets it to "false"/,
    );
    await set('a', { 'security.nesting': 'no' });
    await remove('a');
  });

  test('bound what one machine has, by limits that it must have', async () => {
    rules('each: { memory: 1GiB, cpu: 1.5, processes: 100, disk: 5GiB }');
    const none = create('a', {
      profiles: [],
      devices: { root: { type: 'disk', path: '/', pool: 'default' } },
    });
    await expect(none).rejects.toThrow(
      /limits\.memory: no hard limit is set, each\.memory allows 1 GiB; .*limits\.cpu: no number .* allows 1\.5; .*limits\.processes: no limit .* allows 100; devices\.root\.size: no size is set, each\.disk allows 5 GiB/,
    );
    const root = (size: string): object => ({
      root: { type: 'disk', path: '/', pool: 'default', size },
    });
    const within = {
      'limits.memory': '1GiB',
      'limits.cpu': '4',
      'limits.cpu.allowance': '150ms/100ms',
      'limits.processes': '100',
    };
    await create('a', { profiles: [], config: within, devices: root('5GiB') });
    for (const [config, devices, problem] of [
      [{ 'limits.memory': '2GiB' }, {}, /2 GiB is too much, each\.memory allows 1 GiB/],
      [{ 'limits.memory.enforce': 'soft' }, {}, /no hard limit is set/],
      [{ 'limits.cpu.allowance': '50%' }, {}, /limits\.cpu: 4 is too much, each\.cpu allows 1\.5/],
      [{ 'limits.processes': '101' }, {}, /101 is too much/],
      [{}, root('6GiB'), /devices\.root\.size: 6 GiB is too much, each\.disk allows 5 GiB/],
    ] as const) {
      await expect(set('a', config, devices)).rejects.toThrow(problem);
    }
    await remove('a');
  });

  test('bound what all have together, and let a user get below a ceiling again', async () => {
    state = { kind: 'none' };
    await create('a', { config: { 'limits.memory': '600MiB' } });
    rules('{ machines: 2, together: { memory: 1GiB } }');
    await expect(create('b', { config: { 'limits.memory': '600MiB' } })).rejects.toThrow(
      /1\.2 GiB of all machines is too much, together\.memory allows 1 GiB/,
    );
    await create('b', { config: { 'limits.memory': '400MiB' } });
    await expect(create('c', { config: { 'limits.memory': '1MiB' } })).rejects.toThrow(
      /3 machines are too many, machines allows 2/,
    );
    rules('together: { memory: 500MiB }');
    await expect(start('b')).rejects.toThrow(/1000 MiB of all machines is too much/);
    await expect(set('b', { 'limits.memory': '401MiB' })).rejects.toThrow(/too much/);
    await set('b', { 'limits.memory': '300MiB' });
    await set('a', { 'limits.memory': '200MiB' });
    await start('b');
    await act('PUT', 'instances/b/state', { action: 'stop', force: true });
    await remove('a', 'b');
  });

  test('bound machines that are made at the same time', async () => {
    rules('machines: 1');
    const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd'].map((name) => create(name)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const left = await api.get<string[]>('/1.0/instances');
    expect(left).toHaveLength(1);
    await remove(...left.map((url) => url.split('/').at(-1) ?? ''));
  });

  test('bound devices, paths of the host also through links, and addresses', async () => {
    const share = join(daemon.dir, 'share');
    rules(
      `devices: { types: [disk, nic, proxy], paths: [${share}, '/home/{user}'], listen: [127.0.0.1] }`,
    );
    const device = (name: string, keys: object): object => ({
      profiles: ['default'],
      devices: { [name]: keys },
    });
    const proxy = { type: 'proxy', connect: 'tcp::80' };
    for (const [devices, problem] of [
      [
        device('c', { type: 'unix-char', path: '/dev/null' }),
        /devices\.c\.type: "unix-char" is not allowed, devices\.types allows only disk, nic, proxy/,
      ],
      [
        device('d', { type: 'disk', source: `${share}d`, path: '/d' }),
        /devices\.d\.source: .*share, \/home\/tester|devices\.d\.source: ".*shared" is not allowed, devices\.paths allows only/,
      ],
      [
        device('p', { ...proxy, listen: 'tcp:0.0.0.0:1234' }),
        /"0\.0\.0\.0" is not allowed, devices\.listen allows only 127\.0\.0\.1/,
      ],
      [device('p', { ...proxy, listen: 'unix:/tmp/x' }), /devices\.p\.listen: "\/tmp\/x"/],
    ] as const) {
      await expect(create('a', devices)).rejects.toThrow(problem);
    }
    mkdirSync(join(share, 'in'), { recursive: true });
    const disk = { type: 'disk', source: join(share, 'link'), path: '/d' };
    symlinkSync('in', disk.source);
    await create('a', {
      devices: { d: disk, h: { ...disk, source: '/home/tester/x', path: '/h', required: 'false' } },
    });
    unlinkSync(disk.source);
    symlinkSync('/etc', disk.source);
    await expect(start('a')).rejects.toThrow(
      /devices\.d\.source: \/etc is not allowed, devices\.paths allows only/,
    );
    await remove('a');
  });

  test('bound where images come from: files, machines, and what is here already', async () => {
    rules('images: [debian/*]');
    await expect(importImage('other')).rejects.toThrow(
      /an image from elsewhere is not allowed, images allows only debian\/\*/,
    );
    await expect(create('a')).rejects.toThrow(/an image from elsewhere is not allowed/);
    await expect(create('a', { source: { type: 'none' } })).rejects.toThrow(/not allowed/);
    rules(`images: [${fingerprint}]`);
    await expect(importImage('other')).rejects.toThrow(/an image from elsewhere is not allowed/);
    await create('a');
    const publish = act('POST', 'images', { source: { type: 'instance', name: 'a' } });
    await expect(publish).rejects.toThrow(/an image of a machine is not allowed/);
    rules('images: [publish]');
    await act('POST', 'images', { source: { type: 'instance', name: 'a' } });
    await remove('a');
  });
});

describe('a policy that cannot be relied on', () => {
  test('lets nothing be made or started, and everything be looked at and ended', async () => {
    state = { kind: 'none' };
    await create('a');
    await start('a');
    state = { kind: 'unusable', problems: ['machines: "x" is not valid'] };
    const problem = /Cannot .*: machines: "x" is not valid \(the administrator's \/etc\/warren/;
    await expect(create('b')).rejects.toThrow(problem);
    await expect(set('a', { 'user.x': '1' })).rejects.toThrow(problem);
    const answer = await api.call('POST', '/1.0/images', {
      source: { type: 'instance', name: 'a' },
    });
    expect(answer.status).toBe(202);
    await expect(finish(answer.json.operation)).rejects.toThrow(problem);
    expect(await api.get('/1.0')).toMatchObject({
      warren: { policy: { state: 'unusable', summary: 'machines: "x" is not valid' } },
    });
    await act('PUT', 'instances/a/state', { action: 'stop', force: true });
    await expect(start('a')).rejects.toThrow(problem);
    await remove('a');
  });
});

test('the example is a policy, and GET /1.0 tells its rules', async () => {
  rules(readFileSync(join(import.meta.dirname, '../../profiles/policy.example'), 'utf8'));
  expect(await api.get('/1.0')).toMatchObject({
    warren: {
      policy: {
        file: '/etc/warren/policy.yaml',
        state: 'applies',
        summary: expect.stringMatching(
          /^5 machines; each memory 2 GiB, cpu 2, .*; denies raw/,
        ) as string,
      },
    },
  });
});

test('a storage volume is disk of its user, and no path of the host', async () => {
  const volume = (name: string, config: object = {}): Promise<unknown> =>
    act('POST', 'storage-pools/default/volumes/custom', { name, config });
  rules('{ together: { disk: 3GiB }, each: { disk: 2GiB }, devices: { paths: [] } }');
  await expect(volume('v')).rejects.toThrow('no size is set, each.disk allows 2 GiB');
  await expect(volume('v', { size: '5GiB' })).rejects.toThrow('each.disk allows 2 GiB');
  await volume('v', { size: '2GiB' });
  await expect(volume('w', { size: '2GiB' })).rejects.toThrow(
    '4 GiB of all machines and volumes is too much, together.disk allows 3 GiB',
  );
  const root = { type: 'disk', path: '/', pool: 'default' };
  const data = { type: 'disk', path: '/data', pool: 'default', source: 'v' };
  await expect(create('m', { devices: { root: { ...root, size: '2GiB' } } })).rejects.toThrow(
    'together.disk allows 3 GiB',
  );
  await create('m', { devices: { root: { ...root, size: '1GiB' }, data } });
  await start('m');
  rules('{ devices: { types: [nic] } }');
  await expect(set('m', { 'user.a': 'b' })).rejects.toThrow('devices.data.type');
  state = { kind: 'none' };
  await act('PUT', 'instances/m/state', { action: 'stop', force: true });
  await remove('m');
  await act('DELETE', 'storage-pools/default/volumes/custom/v');
});
