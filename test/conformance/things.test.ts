import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { openStockClient, type StockClient } from '../helpers/stock-client.ts';
import { eventually } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'lxc');

describe('lxc and what machines are made of', () => {
  let lxc: StockClient;

  beforeAll(async () => {
    lxc = await openStockClient();
    await lxc.well('init busybox c1');
  });
  afterAll(async () => {
    await lxc[Symbol.asyncDispose]();
  });

  test('image list, info and show tell of an image by alias and by fingerprint', async () => {
    expect(await lxc.well('image list -f csv')).toMatch(
      /^busybox,[0-9a-f]{12},no,.*,x86_64,CONTAINER,[\d.]+MB,/,
    );
    expect(await lxc.well('image list busybox -f csv -c l')).toBe('busybox');
    expect(await lxc.well('image list nothing -f csv')).toBe('');
    const info = await lxc.well('image info busybox');
    expect(info).toMatch(
      /^Fingerprint: [0-9a-f]{64}\nSize: [\d.]+MB\nArchitecture: x86_64\nType: container\n/,
    );
    const fingerprint = /[0-9a-f]{64}/.exec(info)?.[0] ?? '';
    expect(await lxc.well(`image show ${fingerprint.slice(0, 12)}`)).toMatch(/^auto_update: /);
    await lxc.badly('image info nothing', /Error: .*nothing/);
    await lxc.badly('image show nothing', /Error: .*nothing/);
  });

  test('image properties and edit change what is said of one', async () => {
    await lxc.well('image set-property busybox note hello');
    expect(await lxc.well('image get-property busybox note')).toBe('hello');
    await lxc.well('image unset-property busybox note');
    const text = await lxc.well('image show busybox');
    await lxc.well('image edit busybox', { input: text.replace('public: false', 'public: true') });
    expect(await lxc.well('image list -f csv -c p')).toBe('yes');
    await lxc.badly('image set-property nothing a b', /Error: .*nothing/);
    await lxc.badly('image get-property nothing a', /Error: .*nothing/);
    await lxc.badly('image unset-property nothing a', /Error: .*nothing/);
    await lxc.badly('image edit nothing', /Error: .*nothing/, { input: 'public: true\n' });
  });

  test('image alias names images', async () => {
    const fingerprint = await lxc.well('image list -f csv -c f');
    await lxc.well(`image alias create team/box ${fingerprint}`);
    expect(await lxc.well('image alias list -f csv')).toMatch(
      /^team\/box,[0-9a-f]{12},CONTAINER,$/m,
    );
    await lxc.well('image alias rename team/box team/other');
    await lxc.well('init team/other c2');
    await lxc.well('delete c2');
    await lxc.badly(`image alias create busybox ${fingerprint}`, /Error: .*busybox.*exists/);
    await lxc.badly('image alias create x 0123456789ab', /Error: .*0123456789ab/);
    await lxc.badly('image alias rename nothing x', /Error: .*nothing/);
    await lxc.badly('image alias delete nothing', /Error: .*nothing/);
    await lxc.well('image alias delete team/other');
  });

  test('image export and import carry one out and in again', async () => {
    await lxc.well(`image export busybox ${lxc.place}/box`);
    const file = readdirSync(lxc.place).find((name) => name.startsWith('box')) ?? '';
    await lxc.badly(`image import ${lxc.place}/${file}`, /Error: .*exists already/);
    await lxc.well('image delete busybox');
    await lxc.badly('image export busybox', /Error: .*busybox/);
    const said = await lxc.well(
      `image import ${lxc.place}/${file} note=back --alias again --public`,
    );
    expect(said).toMatch(/^Image imported with fingerprint: [0-9a-f]{64}$/);
    expect(await lxc.well('image get-property again note')).toBe('back');
    await lxc.well('init again c3');
    await lxc.well('delete c3');
    await lxc.badly('image delete nothing', /Error: .*nothing/);
    await lxc.badly(`image import ${lxc.place}/absent`, /Error: .*absent/);
    await lxc.badly('image copy local:again local:', /Error: .*must be different/);
  });

  test('network lists, makes, changes and removes bridges, and tells their leases', async () => {
    expect(await lxc.well('network list -f csv')).toMatch(
      /^warrenbr0,bridge,YES,10\.77\.0\.1\/24,/m,
    );
    await lxc.well('network create br1 ipv4.address=10.99.0.1/24 ipv6.address=none');
    expect(await lxc.well('network get br1 ipv4.address')).toBe('10.99.0.1/24');
    await lxc.well('network set br1 ipv4.nat=false');
    expect(await lxc.well('network show br1')).toMatch(
      /config:\n {2}ipv4.address: 10.99.0.1\/24\n/,
    );
    const text = await lxc.well('network show br1');
    await lxc.well('network edit br1', {
      input: text.replace('description: ""', 'description: ours'),
    });
    await lxc.well('network unset br1 ipv4.nat');
    await lxc.well('network attach br1 c1 eth1');
    expect(await lxc.well('config device get c1 eth1 network')).toBe('br1');
    await lxc.well('network detach br1 c1 eth1');
    await lxc.well('network attach-profile br1 default eth1 eth1');
    await lxc.well('start c1');
    expect(await lxc.well('exec c1 -- ls /sys/class/net')).toContain('eth1');
    await lxc.badly('network delete br1', /Error: .*used/);
    await eventually(async () => {
      expect(await lxc.well('network list-leases warrenbr0 -f csv')).toMatch(
        /^c1,[0-9A-Fa-f:]{17},10\.77\.0\.\d+,DYNAMIC/m,
      );
    });
    expect(await lxc.well('network info warrenbr0')).toMatch(/^Name: warrenbr0\n[^]*10\.77\.0\.1/);
    await lxc.well('stop c1 --force');
    await lxc.well('network detach-profile br1 default eth1');
    await lxc.well('network rename br1 br2');
    await lxc.well('network delete br2');
  });

  test('network says what is wrong', async () => {
    await lxc.badly('network create warrenbr0', /Error: .*exists already/);
    await lxc.badly('network create x ipv4.address=10.0.0.300/24', /Error: .*10\.0\.0\.300/);
    await lxc.badly('network set nothing ipv4.nat=true', /Error: .*nothing/);
    await lxc.badly('network get nothing ipv4.nat', /Error: .*nothing/);
    await lxc.badly('network unset nothing ipv4.nat', /Error: .*nothing/);
    await lxc.badly('network edit nothing', /Error: .*nothing/, { input: 'config: {}\n' });
    await lxc.badly('network show nothing', /Error: .*nothing/);
    await lxc.badly('network info nothing', /Error: .*nothing/);
    await lxc.badly('network list-leases nothing', /Error: .*nothing/);
    await lxc.badly('network rename nothing other', /Error: .*nothing/);
    await lxc.badly('network delete nothing', /Error: .*nothing/);
    await lxc.badly('network attach nothing c1', /Error: .*nothing/);
    await lxc.badly('network detach warrenbr0 nothing', /Error: .*nothing/);
    await lxc.badly('network attach-profile nothing default', /Error: .*nothing/);
    await lxc.badly('network detach-profile warrenbr0 nothing', /Error: .*nothing/);
  });

  test('storage shows the pool, and has a description and notes of it changed', async () => {
    expect(await lxc.well('storage list -f csv')).toMatch(/^default,overlay,/);
    expect(await lxc.well('storage show default')).toMatch(/^config:\n/);
    expect(await lxc.well('storage info default')).toMatch(/space used: /);
    await lxc.badly('storage show nothing', /Error: .*nothing/);
    await lxc.badly('storage info nothing', /Error: .*nothing/);
    expect(await lxc.well('storage get default warren.tier')).not.toBe('');
    await lxc.badly('storage get nothing source', /Error: .*nothing/);
    await lxc.badly('storage create other dir', /Error: .*layer store/);
    await lxc.well('storage set default user.x=y');
    expect(await lxc.well('storage get default user.x')).toBe('y');
    await lxc.well('storage unset default user.x');
    expect(await lxc.well('storage get default user.x')).toBe('');
    await lxc.badly('storage set default size=1GiB', /Error: .*"size" is not supported/);
    await lxc.badly('storage unset default source', /Error: .*where everything of yours lies/);
    await lxc.badly('storage delete default', /Error: .*layer store/);
    const input = 'description: of mine\nconfig:\n  user.y: z\n';
    await lxc.well('storage edit default', { input });
    expect(await lxc.well('storage show default')).toMatch(/user.y: z[^]*description: of mine/);
    const wrong = { input: 'config:\n  volume.size: 1GiB\n' };
    await lxc.badly('storage edit default', /Error: .*volume.size/, wrong);
  });

  test('operation and warning list what goes on', async () => {
    const build = lxc.onTerminal('monitor --type=operation -f json');
    await eventually(async () => {
      await lxc.well('config set c1 user.tick=1');
      expect(build.output).toMatch(/"Updating instance"/);
    });
    build.kill('SIGTERM');
    await build.exitCode;
    expect(await lxc.well('operation list -f csv')).toMatch(/,TASK,Updating instance,SUCCESS,/);
    const id = (await lxc.well('operation list -f csv')).split(',')[0] ?? '';
    expect(await lxc.well(`operation show ${id}`)).toContain(`id: ${id}`);
    await lxc.badly('operation show 00000000-0000-4000-8000-000000000000', /Error: .*operation/);
    await lxc.badly('operation delete 00000000-0000-4000-8000-000000000000', /Error: .*operation/);
    await lxc.well('warning list -f csv --all');
    // A machine that keeps more than it may is something to be warned of.
    await lxc.well('config device override c1 root size=1MiB');
    const big = join(lxc.place, 'big');
    writeFileSync(big, Buffer.alloc(3_000_000, 'x'));
    await lxc.well(`file push ${big} c1/root/big`);
    let warning = '';
    await eventually(async () => {
      await lxc.well('info c1');
      const list = await lxc.well('warning list -f csv');
      warning = /^([0-9a-f-]{36}),Disk limit exceeded,NEW,/m.exec(list)?.[1] ?? '';
      expect(warning).not.toBe('');
    });
    expect(await lxc.well(`warning show ${warning}`)).toMatch(/^severity: moderate$/m);
    await lxc.well(`warning acknowledge ${warning}`);
    expect(await lxc.well('warning list -f csv')).not.toContain(warning);
    await lxc.well(`warning delete ${warning}`);
    await lxc.badly(`warning show ${warning}`, /Error: .*warning/);
    await lxc.badly('warning show nothing', /Error: .*nothing/);
    await lxc.badly('warning acknowledge nothing', /Error: .*nothing/);
    await lxc.badly('warning delete nothing', /Error: .*nothing/);
  });

  test('query reads and changes anything, and waits', async () => {
    expect(JSON.parse(await lxc.well('query /1.0/instances/c1'))).toMatchObject({ name: 'c1' });
    await lxc.well(`query -X PATCH -d '{"config":{"user.q":"1"}}' /1.0/instances/c1`);
    expect(await lxc.well('config get c1 user.q')).toBe('1');
    const done = await lxc.well(
      `query --wait -X PUT -d '{"action":"start"}' /1.0/instances/c1/state`,
    );
    expect(JSON.parse(done)).toMatchObject({ status: 'Success' });
    expect(await lxc.well('query --raw /1.0/profiles')).toContain('"type": "sync"');
    const metrics = await lxc.well('query /1.0/metrics');
    // Of all series: an init that has just begun may have spent all its time in one mode.
    const value = (family: string): number => {
      const labels = 'name="c1",project="default",type="container"';
      const series = new RegExp(`^${family}\\{${labels}[^}]*\\} (\\S+)$`, 'gm');
      const found = [...metrics.matchAll(series)].map(([, number]) => Number(number));
      return found.length === 0 ? Number.NaN : found.reduce((sum, one) => sum + one, 0);
    };
    expect(value('lxd_procs_total')).toBeGreaterThan(0);
    expect(value('lxd_cpu_seconds_total')).toBeGreaterThan(0);
    expect(value('lxd_memory_MemTotal_bytes')).toBeGreaterThan(value('lxd_memory_MemFree_bytes'));
    expect(value('lxd_network_receive_bytes_total')).toBeGreaterThanOrEqual(0);
    expect(metrics).toMatch(/\n# EOF\n*$/);
    await lxc.badly('query /1.0/nothing', /Error: .*nothing/);
    await lxc.badly(`query -X POST -d '{' /1.0/profiles`, /Error: /);
    await lxc.badly(
      `query --wait -X PUT -d '{"action":"start"}' /1.0/instances/nothing/state`,
      /Error: .*nothing/,
    );
  });

  test('monitor shows life cycle events as they come', async () => {
    const monitor = lxc.onTerminal('monitor --pretty --type=lifecycle');
    await eventually(async () => {
      await lxc.well('config set c1 user.tick=2');
      expect(monitor.output).toMatch(/instance-updated/);
    });
    monitor.type('\x03');
    expect(await monitor.exitCode).not.toBe(0);
  });

  test('project shows the default one', async () => {
    expect(await lxc.well('project list -f csv')).toMatch(/^default \(current\),YES,YES,YES,/);
    expect(await lxc.well('project show default')).toMatch(/features\.images: "true"/);
    expect(await lxc.well('project get default features.images')).toBe('true');
    expect(await lxc.well('project info default -f csv')).toMatch(/INSTANCES,UNLIMITED,1/);
    await lxc.well('project switch default');
    await lxc.badly('project show nothing', /Error: .*nothing/);
    await lxc.badly('project get nothing a', /Error: .*nothing/);
    await lxc.badly('project info nothing', /Error: .*nothing/);
    await lxc.badly('project switch nothing', /Error: .*nothing/);
    await lxc.badly('list --project nothing', /Error: .*nothing/);
  });

  test('remote and alias are the client’s own and see the set-up', async () => {
    expect(await lxc.well('remote list -f csv')).toMatch(/^local \(current\),unix:\/\//m);
    expect(await lxc.well('remote get-default')).toBe('local');
    await lxc.well("alias add ll 'list -f csv -c n'");
    expect(await lxc.well('ll')).toBe('c1');
    expect(await lxc.well('alias list -f csv')).toBe('ll,list -f csv -c n');
    await lxc.well('alias rename ll l');
    await lxc.badly('alias rename ll l', /Error: .*ll/);
    await lxc.badly('alias add l list', /Error: .*l/);
    await lxc.well('alias remove l');
    await lxc.badly('alias remove l', /Error: .*l/);
    expect(readFileSync(join(lxc.env['LXD_CONF'] ?? '', 'config.yml'), 'utf8')).toContain('local');
    await lxc.badly('list nowhere:', /Error: .*nowhere/);
  });
});
