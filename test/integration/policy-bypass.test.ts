import { mkdirSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { Policed } from './policed.ts';

const site = new Policed();

test('rules bound machines that are changed at the same time, by themselves and by a profile', async () => {
  site.lift();
  await site.act('POST', 'profiles', { name: 'small', config: { 'limits.memory': '300MiB' } });
  await site.create('a', { config: { 'limits.memory': '300MiB' } });
  await site.create('b', { profiles: ['default', 'small'] });
  site.rules('together: { memory: 1GiB }');
  const source = join(site.daemon.dir, 'both');
  mkdirSync(source);
  // The source is looked at between the first look at the rules and the storing.
  const change = (memory: string, path: string): object => ({
    config: { 'limits.memory': memory },
    devices: { d: { type: 'disk', source, path } },
  });
  const outcomes = await Promise.allSettled([
    site.act('PATCH', 'instances/a', change('600MiB', '/a')),
    site.act('PATCH', 'profiles/small', change('600MiB', '/b')),
  ]);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(
    outcomes.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : [])),
  ).toEqual([
    expect.stringMatching(/1\.2 GiB of all machines is too much, together\.memory allows 1 GiB/),
  ]);
  await site.remove('a', 'b');
  await site.act('DELETE', 'profiles/small', {});
});

test('rules bound each type of device to what it is for, and socket files also through links', async () => {
  const share = join(site.daemon.dir, 'sockets');
  mkdirSync(share);
  site.rules('devices: { types: [nic, unix-char] }');
  const node = { type: 'unix-char', source: share, path: '/dev/mine' };
  await expect(site.create('a', { devices: { c: node } })).rejects.toThrow(
    `devices.c.source: ${share} is no character device`,
  );
  site.rules(`devices: { types: [nic, disk, proxy], paths: [${share}] }`);
  const zero = join(share, 'zero');
  symlinkSync('/dev/zero', zero);
  site.lift();
  await expect(
    site.create('a', { devices: { z: { type: 'disk', source: zero, path: '/dev/z' } } }),
  ).rejects.toThrow(`devices.z.source: ${zero} is a device, wanted a directory or file`);
  site.rules(`devices: { paths: [${share}] }`);
  const web = { type: 'proxy', connect: 'tcp::80' };
  const listen = `unix:${share}/in/web.sock`;
  await expect(
    site.create('a', { devices: { p: { ...web, listen: `unix:${share}/../web.sock` } } }),
  ).rejects.toThrow(/devices\.p\.listen: .* is not valid/);
  symlinkSync('/tmp', join(share, 'in'));
  await expect(site.create('a', { devices: { p: { ...web, listen } } })).rejects.toThrow(
    'devices.p.listen: /tmp/web.sock is not allowed, devices.paths allows only',
  );
  unlinkSync(join(share, 'in'));
  mkdirSync(join(share, 'in'));
  const agent = {
    ...{ type: 'proxy', bind: 'instance', listen: 'unix:/run/agent' },
    connect: `unix:${share}/agent`,
  };
  await site.create('a', { devices: { p: { ...web, listen }, agent } });
  await site.start('a');
  await site.stop('a');
  symlinkSync(site.daemon.socket, join(share, 'agent'));
  await expect(site.start('a')).rejects.toThrow(
    `devices.agent.connect: ${site.daemon.socket} is not allowed, devices.paths allows only`,
  );
  await site.remove('a');
});

test('volumes that are made at the same time are bound together', async () => {
  site.rules('together: { disk: 3GiB }');
  const made = await Promise.allSettled(
    ['v', 'w'].map((name) =>
      site.act('POST', 'storage-pools/default/volumes/custom', { name, config: { size: '2GiB' } }),
    ),
  );
  expect(made.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  for (const url of await site.api.get<string[]>('/1.0/storage-pools/default/volumes/custom')) {
    await site.act('DELETE', `storage-pools/default/volumes/custom/${url.split('/').at(-1) ?? ''}`);
  }
});
