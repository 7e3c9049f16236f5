import { mkdirSync, readFileSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { Policed, refusal } from './policed.ts';

const site = new Policed();

describe('a policy is held against what a machine comes to', () => {
  const denied = /raw\.idmap: not allowed, deny has raw\.\* \(the administrator's \/etc\/warren\//;
  const raw = { 'raw.idmap': 'both 1000 1000' };

  test('when it is created, copied and changed, by itself and by its profiles', async () => {
    site.lift();
    await site.create('before', { config: raw });
    await site.act('POST', 'profiles', { name: 'mine', config: raw });
    site.rules('deny: [raw.*]');
    await expect(site.create('a', { config: raw })).rejects.toThrow(denied);
    await expect(site.create('a', { profiles: ['default', 'mine'] })).rejects.toThrow(denied);
    const source = { type: 'copy', source: 'before' };
    await expect(site.create('a', { source })).rejects.toThrow(denied);
    await site.create('a');
    await expect(site.set('a', raw)).rejects.toThrow(denied);
    const patch = site.act('PATCH', 'instances/a', { profiles: ['default', 'mine'] });
    await expect(patch).rejects.toThrow(denied);
    const { config, profiles } = await site.api.get<{ config: object; profiles: object }>(
      '/1.0/instances/a',
    );
    expect({ config, profiles }).toMatchObject({ profiles: ['default'] });
    expect(config).not.toHaveProperty('raw.idmap');
    await site.remove('before', 'a');
    await site.act('DELETE', 'profiles/mine', {});
  });

  test('when a profile that it has is edited, naming the machine', async () => {
    site.lift();
    await site.act('POST', 'profiles', { name: 'shared', config: {} });
    await site.create('a', { profiles: ['default', 'shared'] });
    site.rules('deny: [raw.*]');
    const edit = site.act('PATCH', 'profiles/shared', { config: raw });
    await expect(edit).rejects.toThrow(/a: config\.raw\.idmap: not allowed, deny has raw\.\*/);
    expect(await site.api.get('/1.0/profiles/shared')).toMatchObject({ config: {} });
    await site.remove('a');
    // Nobody carries it any more.
    await site.act('PATCH', 'profiles/shared', { config: raw });
    await site.act('DELETE', 'profiles/shared', {});
  });

  test('when it comes in a file, in which another host or an earlier policy allowed more', async () => {
    site.lift();
    await site.create('a', { config: raw });
    await site.act('POST', 'instances/a/backups', { name: 'b', expires_at: null });
    const { body } = await site.api.send('GET', '/1.0/instances/a/backups/b/export');
    await site.remove('a');
    const headers = { 'content-type': 'application/octet-stream' };
    const bring = async (): Promise<unknown> => {
      const { status, json } = await site.api.send('POST', '/1.0/instances', { body, headers });
      if (status >= 400) throw refusal(json);
      return await site.finish(json.operation);
    };
    site.rules('deny: [raw.*]');
    await expect(bring()).rejects.toThrow(denied);
    expect(await site.api.get('/1.0/instances')).toEqual([]);
    site.rules("deny: ['linux.*']");
    await bring();
    await site.remove('a');
  });

  test('when it is restored and when it starts, also where it was allowed before', async () => {
    site.lift();
    await site.create('a', { config: raw });
    await site.act('POST', 'instances/a/snapshots', { name: 's' });
    await site.start('a');
    site.rules('deny: [raw.*]');
    // What runs goes on: it is not stopped for a start that is refused.
    await expect(
      site.act('PUT', 'instances/a/state', { action: 'restart', force: true }),
    ).rejects.toThrow(denied);
    const source = { type: 'instance', name: 'a', force: true };
    await expect(site.act('POST', 'images', { source })).rejects.toThrow(denied);
    await site.stop('a');
    await expect(site.start('a')).rejects.toThrow(denied);
    await site.act('PUT', 'instances/a', { config: {}, devices: {}, profiles: ['default'] });
    await site.start('a');
    await expect(site.act('PUT', 'instances/a', { restore: 's' })).rejects.toThrow(denied);
    await site.stop('a');
    await site.remove('a');
  });

  test('and what is against several new rules is mended step by step, which is all it may be', async () => {
    const sysctl = 'linux.sysctl.net.ipv4.ip_forward';
    site.lift();
    await site.act('POST', 'profiles', { name: 'both', config: { ...raw, [sysctl]: '1' } });
    await site.create('a', { config: { ...raw, [sysctl]: '1' } });
    await site.create('b', { profiles: ['default', 'both'] });
    site.rules("deny: [raw.*, 'linux.*']");
    await expect(site.set('a', { 'user.x': '1' })).rejects.toThrow(denied);
    await expect(site.set('a', { 'raw.idmap': '', [sysctl]: '0' })).rejects.toThrow(
      /linux\.sysctl/,
    );
    await site.set('a', { 'raw.idmap': '' });
    await expect(site.set('a', raw)).rejects.toThrow(denied);
    await expect(site.start('a')).rejects.toThrow(/linux\.sysctl/);
    await site.set('a', { [sysctl]: '' });
    await site.start('a');
    const edit = (config: object): Promise<unknown> =>
      site.act('PATCH', 'profiles/both', { config });
    await expect(edit({ [sysctl]: '0' })).rejects.toThrow(/b: config\.raw\.idmap: not allowed/);
    await edit({ [sysctl]: '' });
    await expect(site.start('b')).rejects.toThrow(denied);
    await edit({ 'raw.idmap': '' });
    await site.start('b');
    for (const name of ['a', 'b']) {
      await site.act('PUT', `instances/${name}/state`, { action: 'stop', force: true });
      await site.remove(name);
    }
    await site.act('DELETE', 'profiles/both', {});
  });
});

describe('rules', () => {
  test('force keys over every profile, and refuse a machine that says otherwise', async () => {
    site.rules("force: { security.nesting: 'false', user.owner: lab }");
    await site.create('a', { profiles: ['default', 'nesting'] });
    const { expanded_config: config } = await site.api.get<{ expanded_config: object }>(
      '/1.0/instances/a',
    );
    expect(config).toMatchObject({ 'security.nesting': 'false', 'user.owner': 'lab' });
    await expect(site.set('a', { 'security.nesting': 'true' })).rejects.toThrow(
      /config\.security\.nesting: "true" is not allowed, force sets it to "false"/,
    );
    await site.set('a', { 'security.nesting': 'no' });
    await site.remove('a');
  });

  test('bound what one machine has, by limits that it must have', async () => {
    site.rules('each: { memory: 1GiB, cpu: 1.5, processes: 100, disk: 5GiB }');
    const none = site.create('a', {
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
    await site.create('a', { profiles: [], config: within, devices: root('5GiB') });
    for (const [config, devices, problem] of [
      [{ 'limits.memory': '2GiB' }, {}, /2 GiB is too much, each\.memory allows 1 GiB/],
      [{ 'limits.memory.enforce': 'soft' }, {}, /no hard limit is set/],
      [{ 'limits.cpu.allowance': '50%' }, {}, /limits\.cpu: 4 is too much, each\.cpu allows 1\.5/],
      [{ 'limits.processes': '101' }, {}, /101 is too much/],
      [{}, root('6GiB'), /devices\.root\.size: 6 GiB is too much, each\.disk allows 5 GiB/],
    ] as const) {
      await expect(site.set('a', config, devices)).rejects.toThrow(problem);
    }
    await site.remove('a');
  });

  test('bound what all have together, and let a user get below a ceiling again', async () => {
    site.lift();
    await site.create('a', { config: { 'limits.memory': '600MiB' } });
    site.rules('{ machines: 2, together: { memory: 1GiB } }');
    await expect(site.create('b', { config: { 'limits.memory': '600MiB' } })).rejects.toThrow(
      /1\.2 GiB of all machines is too much, together\.memory allows 1 GiB/,
    );
    await site.create('b', { config: { 'limits.memory': '400MiB' } });
    await expect(site.create('c', { config: { 'limits.memory': '1MiB' } })).rejects.toThrow(
      /3 machines are too many, machines allows 2/,
    );
    site.rules('together: { memory: 500MiB }');
    await expect(site.start('b')).rejects.toThrow(/1000 MiB of all machines is too much/);
    await expect(site.set('b', { 'limits.memory': '401MiB' })).rejects.toThrow(/too much/);
    await site.set('b', { 'limits.memory': '300MiB' });
    await site.set('a', { 'limits.memory': '200MiB' });
    await site.start('b');
    await site.stop('b');
    await site.remove('a', 'b');
  });

  test('bound machines that are made at the same time', async () => {
    site.rules('machines: 1');
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((name) => site.create(name)),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const left = await site.api.get<string[]>('/1.0/instances');
    expect(left).toHaveLength(1);
    await site.remove(...left.map((url) => url.split('/').at(-1) ?? ''));
  });

  test('bound devices, paths of the host also through links, and addresses', async () => {
    const share = join(site.daemon.dir, 'share');
    site.rules(
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
      await expect(site.create('a', devices)).rejects.toThrow(problem);
    }
    mkdirSync(join(share, 'in'), { recursive: true });
    const disk = { type: 'disk', source: join(share, 'link'), path: '/d' };
    symlinkSync('in', disk.source);
    await site.create('a', {
      devices: { d: disk, h: { ...disk, source: '/home/tester/x', path: '/h', required: 'false' } },
    });
    unlinkSync(disk.source);
    symlinkSync('/etc', disk.source);
    await expect(site.start('a')).rejects.toThrow(
      /devices\.d\.source: \/etc is not allowed, devices\.paths allows only/,
    );
    await site.remove('a');
  });

  test('bound where images come from: files, machines, and what is here already', async () => {
    site.rules('images: [debian/*]');
    await expect(site.importImage('other')).rejects.toThrow(
      /an image from elsewhere is not allowed, images allows only debian\/\*/,
    );
    await expect(site.create('a')).rejects.toThrow(/an image from elsewhere is not allowed/);
    await expect(site.create('a', { source: { type: 'none' } })).rejects.toThrow(/not allowed/);
    site.rules(`images: [${site.fingerprint}]`);
    await expect(site.importImage('other')).rejects.toThrow(
      /an image from elsewhere is not allowed/,
    );
    await site.create('a');
    const publish = site.act('POST', 'images', { source: { type: 'instance', name: 'a' } });
    await expect(publish).rejects.toThrow(/an image of a machine is not allowed/);
    site.rules('images: [publish]');
    await site.act('POST', 'images', { source: { type: 'instance', name: 'a' } });
    await site.remove('a');
  });
});

describe('a policy that cannot be relied on', () => {
  test('lets nothing be made or started, and everything be looked at and ended', async () => {
    site.lift();
    await site.create('a');
    await site.start('a');
    site.state = { kind: 'unusable', problems: ['machines: "x" is not valid'] };
    const problem = /Cannot .*: machines: "x" is not valid \(the administrator's \/etc\/warren/;
    await expect(site.create('b')).rejects.toThrow(problem);
    await expect(site.set('a', { 'user.x': '1' })).rejects.toThrow(problem);
    const answer = await site.api.call('POST', '/1.0/images', {
      source: { type: 'instance', name: 'a' },
    });
    expect(answer.status).toBe(202);
    await expect(site.finish(answer.json.operation)).rejects.toThrow(problem);
    expect(await site.api.get('/1.0')).toMatchObject({
      warren: { policy: { state: 'unusable', summary: 'machines: "x" is not valid' } },
    });
    await site.stop('a');
    await expect(site.start('a')).rejects.toThrow(problem);
    await site.remove('a');
  });
});

test('the example is a policy, and GET /1.0 tells its rules', async () => {
  site.rules(readFileSync(join(import.meta.dirname, '../../profiles/policy.example'), 'utf8'));
  expect(await site.api.get('/1.0')).toMatchObject({
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
    site.act('POST', 'storage-pools/default/volumes/custom', { name, config });
  site.rules('{ together: { disk: 3GiB }, each: { disk: 2GiB }, devices: { paths: [] } }');
  await expect(volume('v')).rejects.toThrow('no size is set, each.disk allows 2 GiB');
  await expect(volume('v', { size: '5GiB' })).rejects.toThrow('each.disk allows 2 GiB');
  await volume('v', { size: '2GiB' });
  await expect(volume('w', { size: '2GiB' })).rejects.toThrow(
    '4 GiB of all machines and volumes is too much, together.disk allows 3 GiB',
  );
  const root = { type: 'disk', path: '/', pool: 'default' };
  const data = { type: 'disk', path: '/data', pool: 'default', source: 'v' };
  await expect(site.create('m', { devices: { root: { ...root, size: '2GiB' } } })).rejects.toThrow(
    'together.disk allows 3 GiB',
  );
  await site.create('m', { devices: { root: { ...root, size: '1GiB' }, data } });
  await site.start('m');
  site.rules('{ devices: { types: [nic] } }');
  await expect(site.set('m', { 'user.a': 'b' })).rejects.toThrow('devices.data.type');
  site.lift();
  await site.stop('m');
  await site.remove('m');
  await site.act('DELETE', 'storage-pools/default/volumes/custom/v');
});
