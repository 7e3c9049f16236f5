import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { openStockClient, type StockClient } from '../helpers/stock-client.ts';
import { eventually, runProgram } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'lxc');

describe('lxc and settings', () => {
  let lxc: StockClient;

  beforeAll(async () => {
    lxc = await openStockClient();
    await lxc.well('launch busybox c1');
  });
  afterAll(async () => {
    await lxc[Symbol.asyncDispose]();
  });

  const inside = (name: string): Promise<string> => lxc.well(`exec c1 -- sh -c 'echo $${name}'`);

  /** A program for EDITOR that runs a script on the file. */
  const editor = (name: string, script: string): Record<string, string> => {
    const path = join(lxc.place, name);
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return { EDITOR: path };
  };

  test('config get, set, unset, show and edit work on a machine', async () => {
    await lxc.well('config set c1 user.a=1 environment.SHADE=red');
    expect(await lxc.well('config get c1 user.a')).toBe('1');
    expect(await inside('SHADE')).toBe('red');
    await lxc.well('config unset c1 user.a');
    expect(await lxc.well('config get c1 user.a')).toBe('');
    expect(await lxc.well('config show c1')).toMatch(
      /^architecture: x86_64\nconfig:\n[^]*environment\.SHADE: red[^]*\ndevices: \{\}\nephemeral: false\nprofiles:\n- default\nstateful: false\ndescription: ""$/,
    );
    expect(await lxc.well('config show c1 --expanded')).toContain('network: warrenbr0');
    const text = (await lxc.well('config show c1')).replace('description: ""', 'description: shop');
    await lxc.well('config edit c1', { input: text });
    expect(await lxc.well('query /1.0/instances/c1')).toContain('"description": "shop"');
    await lxc.badly('config set c1 limits.memory=lots', /Error: .*limits\.memory.*lots/);
    await lxc.badly('config set c1 nonsense=1', /Error: .*nonsense/);
    await lxc.badly('config set nothing user.a=1', /Error: .*nothing/);
    await lxc.badly('config get nothing user.a', /Error: .*nothing/);
    await lxc.badly('config unset nothing user.a', /Error: .*nothing/);
    await lxc.badly('config show nothing', /Error: .*nothing/);
    await lxc.badly('config edit c1', /Error: /, { input: 'config: [' });
  });

  test('config edit in an editor is refused when the machine changed meanwhile', async () => {
    const set = `LXD_DIR=${lxc.env['LXD_DIR'] ?? ''} LXD_CONF=${lxc.env['LXD_CONF'] ?? ''}`;
    const env = editor('racer', `${set} lxc config set c1 user.race=won; sed -i s/shop/late/ "$1"`);
    const late = lxc.onTerminal('config edit c1', env);
    await late.shows(/ETag[^]*Press enter to open the editor again/);
    late.type('\x03');
    expect(await late.exitCode).not.toBe(0);
    expect(await lxc.well('config get c1 user.race')).toBe('won');
    expect(await lxc.well('query /1.0/instances/c1')).toContain('"description": "shop"');
    const calm = lxc.onTerminal('config edit c1', editor('calm', 'sed -i s/shop/late/ "$1"'));
    expect(await calm.exitCode, calm.output).toBe(0);
    expect(await lxc.well('query /1.0/instances/c1')).toContain('"description": "late"');
  });

  test('config metadata and template change what a machine has of its image', async () => {
    expect(await lxc.well('config metadata show c1')).toMatch(
      /^architecture: x86_64\ncreation_date: \d+\nexpiry_date: 0\nproperties:\n[^]*os: BusyBox[^]*\ntemplates: \{\}$/,
    );
    expect(await lxc.well('config template list c1 -f csv')).toBe('');
    await lxc.well('config template create c1 motd.tpl');
    const text =
      'This is {{ container.name }}{% if config_get("user.a", "") == "" %}, plain{% endif %}\n';
    await lxc.well('config template edit c1 motd.tpl', { input: text });
    expect(await lxc.well('config template show c1 motd.tpl')).toBe(text.trimEnd());
    expect(await lxc.well('config template list c1 -f csv')).toBe('motd.tpl');
    const metadata = await lxc.well('config metadata show c1');
    const template = '\n  /etc/motd:\n    when: [start]\n    template: motd.tpl\n';
    await lxc.well('config metadata edit c1', {
      input: metadata.replace('templates: {}', `templates:${template}`),
    });
    await lxc.well('restart c1 --force');
    expect(await lxc.well('exec c1 -- cat /etc/motd')).toBe('This is c1, plain');
    await lxc.well('config template delete c1 motd.tpl');
    expect(await lxc.well('config template list c1 -f csv')).toBe('');
    await lxc.well('restart c1 --force');
    expect(await lxc.well('warning list -f csv')).toMatch(/Template not applied/);
    await lxc.well('config metadata edit c1', { input: metadata });
    await lxc.badly('config metadata show nothing', /Error: .*nothing/);
    await lxc.badly('config metadata edit nothing', /Error: .*nothing/, { input: metadata });
    await lxc.badly('config metadata edit c1', /Error: .*architecture/, {
      input: metadata.replace('x86_64', 'abacus'),
    });
    await lxc.badly('config template list nothing', /Error: .*nothing/);
    await lxc.badly('config template create nothing x.tpl', /Error: .*nothing/);
    await lxc.badly('config template create c1 ../x', /Error: .*no name of a template/);
    await lxc.badly('config template show c1 absent.tpl', /Error: .*absent.tpl/);
    await lxc.badly('config template edit c1 ../x', /Error: /, { input: 'x' });
    await lxc.badly('config template delete c1 absent.tpl', /Error: .*absent.tpl/);
  });

  test('config device adds, changes and removes devices of a running machine', async () => {
    const port = 'proxy listen=tcp:127.0.0.1:0 connect=tcp:127.0.0.1:80';
    await lxc.badly(`config device add c1 web ${port}`, /Error: .*listen/);
    await lxc.well(
      `config device add c1 web proxy listen=unix:${lxc.place}/web.sock connect=tcp:127.0.0.1:80`,
    );
    await lxc.well('config device add c1 extra nic network=warrenbr0 name=eth1');
    expect(await lxc.well('exec c1 -- ls /sys/class/net')).toContain('eth1');
    expect((await lxc.well('config device list c1')).split('\n').sort()).toEqual(['extra', 'web']);
    expect(await lxc.well('config device get c1 web connect')).toBe('tcp:127.0.0.1:80');
    await lxc.well('config device set c1 web connect=tcp:127.0.0.1:81');
    expect(await lxc.well('config device show c1')).toContain('connect: tcp:127.0.0.1:81');
    await lxc.well('config device override c1 eth0 ipv4.address=10.77.0.77');
    await lxc.well('config device unset c1 eth0 ipv4.address');
    expect(await lxc.well('config device get c1 eth0 ipv4.address')).toBe('');
    await lxc.well('config device remove c1 extra web');
    expect(await lxc.well('config device list c1')).toBe('eth0');
    await lxc.badly('config device add c1 eth0 nic network=warrenbr0', /Error: .*exists/);
    await lxc.badly('config device add c1 disk disk path=relative', /Error: /);
    await lxc.badly('config device add nothing x none', /Error: .*nothing/);
    await lxc.badly('config device remove c1 absent', /Error: .*exist/);
    await lxc.badly('config device set c1 absent a=b', /Error: .*exist/);
    await lxc.badly('config device get c1 absent a', /Error: .*exist/);
    await lxc.badly('config device unset c1 absent a', /Error: .*exist/);
    await lxc.badly('config device override c1 absent', /Error: .*exist/);
    await lxc.badly('config device show nothing', /Error: .*nothing/);
    await lxc.badly('config device list nothing', /Error: .*nothing/);
  });

  test('file push of a gigabyte leaves the daemon no larger', async () => {
    const file = join(lxc.place, 'large');
    const bytes = 1024 ** 3;
    // A hole: what is to be written costs the sender nothing.
    writeFileSync(file, '');
    truncateSync(file, bytes);
    const daemon = await lxc.warren.daemonPid();
    const resident = (): number =>
      1024 *
      Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${daemon}/status`, 'utf8'))?.[1]);
    const before = resident();
    let most = before;
    const timer = setInterval(() => (most = Math.max(most, resident())), 20);
    try {
      await lxc.well(`file push ${file} c1/root/large`);
    } finally {
      clearInterval(timer);
    }
    expect(await lxc.well('exec c1 -- stat -c %s /root/large')).toBe(String(bytes));
    expect(most - before).toBeLessThan(64 * 1024 ** 2);
    await lxc.well('file delete c1/root/large');
  });

  test('profile makes profiles that change the machines that have them', async () => {
    await lxc.well('config unset c1 environment.SHADE');
    await lxc.well('profile create p1');
    await lxc.well('profile set p1 environment.SHADE=blue');
    expect(await lxc.well('profile get p1 environment.SHADE')).toBe('blue');
    await lxc.well('profile add c1 p1');
    expect(await inside('SHADE')).toBe('blue');
    await lxc.well('profile set p1 environment.SHADE=pink');
    expect(await inside('SHADE')).toBe('pink');
    expect(await lxc.well('profile show p1')).toMatch(/used_by:\n- \/1\.0\/instances\/c1$/);
    await lxc.badly('profile delete p1', /Error: .*used/);
    await lxc.well('profile device add p1 eth1 nic network=warrenbr0');
    expect(await lxc.well('profile device list p1')).toBe('eth1');
    expect(await lxc.well('profile device get p1 eth1 network')).toBe('warrenbr0');
    await lxc.well('profile device set p1 eth1 name=eth7');
    expect(await lxc.well('profile device show p1')).toContain('name: eth7');
    await lxc.well('profile device unset p1 eth1 name');
    await lxc.well('profile device remove p1 eth1');
    const text = await lxc.well('profile show p1');
    await lxc.well('profile edit p1', { input: text.replace('pink', 'grey') });
    expect(await inside('SHADE')).toBe('grey');
    await lxc.well('profile unset p1 environment.SHADE');
    await lxc.well('profile copy p1 p2');
    await lxc.well('profile rename p2 p3');
    expect(await lxc.well('profile list -f csv')).toMatch(/^p1,.*,1$/m);
    await lxc.well('profile assign c1 default,p3');
    expect(await lxc.well('config show c1')).toContain('profiles:\n- default\n- p3');
    await lxc.well("profile assign c1 ''");
    expect(await lxc.well('config show c1')).toContain('profiles: []');
    await lxc.well('profile assign c1 default');
    await lxc.well('profile delete p1');
    await lxc.well('profile remove c1 default');
    await lxc.well('profile delete p3');
  });

  test('profile says what is wrong', async () => {
    await lxc.badly('profile create default', /Error: .*default.*exists already/);
    await lxc.badly('profile delete default', /Error: .*default/);
    await lxc.badly('profile show nothing', /Error: .*nothing/);
    await lxc.badly('profile set nothing a=b', /Error: .*nothing/);
    await lxc.badly('profile get nothing a', /Error: .*nothing/);
    await lxc.badly('profile unset nothing a', /Error: .*nothing/);
    await lxc.badly('profile edit nothing', /Error: .*nothing/, { input: 'config: {}\n' });
    await lxc.badly('profile rename nothing other', /Error: .*nothing/);
    await lxc.badly('profile copy nothing other', /Error: .*nothing/);
    await lxc.badly('profile add c1 nothing', /Error: .*nothing/);
    await lxc.badly('profile remove c1 nothing', /Error: .*nothing/);
    await lxc.badly('profile assign c1 nothing', /Error: .*nothing/);
    await lxc.badly('profile set default limits.memory=lots', /Error: .*lots/);
    await lxc.badly('profile device add default x gpu', /Error: .*gpu/);
    await lxc.badly('profile device set default x a=b', /Error: .*exist/);
    await lxc.badly('profile device get default x a', /Error: .*exist/);
    await lxc.badly('profile device remove default x', /Error: .*exist/);
    await lxc.badly('profile device unset default x a', /Error: .*exist/);
    await lxc.badly('profile device list nothing', /Error: .*nothing/);
    await lxc.badly('profile device show nothing', /Error: .*nothing/);
  });

  test('config works on the server', async () => {
    await lxc.well('config set user.site=here');
    expect(await lxc.well('config get user.site')).toBe('here');
    expect(await lxc.well('config show')).toBe('config:\n  user.site: here');
    await lxc.well('config edit', { input: 'config: {user.site: there}\n' });
    expect(await lxc.well('config get user.site')).toBe('there');
    await lxc.well('config unset user.site');
    await lxc.badly('config set nonsense.key=1', /Error: .*nonsense/);
    await lxc.well('config set images.remote_cache_expiry=3 images.auto_update_interval=0');
    expect(await lxc.well('config get images.remote_cache_expiry')).toBe('3');
    await lxc.badly('config set images.remote_cache_expiry=soon', /Error: .*images.remote_cache/);
    await lxc.well('config unset images.remote_cache_expiry');
    await lxc.well('config unset images.auto_update_interval');
    expect(await lxc.well('config trust list -f csv')).toBe('');
  });

  test('file push, pull, edit and delete carry files, trees, links and modes', async () => {
    const { place } = lxc;
    writeFileSync(join(place, 'page'), 'content\n', { mode: 0o640 });
    await lxc.well(`file push ${place}/page c1/root/`);
    expect(await lxc.well("exec c1 -- stat -c '%a %u' /root/page")).toMatch(/^640 /);
    await lxc.well(`file push ${place}/page c1/srv/new/deep/page -p --mode=0600 --uid=5 --gid=6`);
    expect(await lxc.well("exec c1 -- stat -c '%a %u %g' /srv/new/deep/page")).toBe('600 5 6');
    await lxc.well('exec c1 -- ln -s ../page /srv/new/link');
    await lxc.well("exec c1 -- sh -c 'printf a > /srv/new/deep/a; chmod 755 /srv/new/deep/a'");
    await lxc.well(`file pull -r c1/srv/new ${place}/`);
    expect(readFileSync(join(place, 'new/deep/a'), 'utf8')).toBe('a');
    await lxc.well(`file push -r ${place}/new c1/opt/`);
    await lxc.well(`file push -r ${place}/new c1/opt/`);
    expect(await lxc.well('exec c1 -- cat /opt/new/deep/a')).toBe('a');
    await lxc.well(`file pull c1/root/page ${place}/back`);
    expect(readFileSync(join(place, 'back'), 'utf8')).toBe('content\n');
    expect(await lxc.well('file pull c1/root/page -')).toBe('content');
    await lxc.well('file edit c1/root/page', { input: 'edited\n' });
    expect(await lxc.well("exec c1 -- stat -c '%a' /root/page")).toBe('640');
    expect(await lxc.well('exec c1 -- cat /root/page')).toBe('edited');
    await lxc.well('file delete c1/root/page');
    await lxc.badly('file pull c1/root/page -', /Error: .*page/);
    await lxc.badly('file delete c1/root/page', /Error: .*page/);
    await lxc.badly(`file push ${place}/page c1/no/such/place`, /Error: .*no\/such/);
    await lxc.badly(`file push ${place}/page nothing/root/`, /Error: .*nothing/);
    await lxc.badly('file edit c1/no/such', /Error: .*no\/such/, { input: '' });
    await lxc.well('stop c1 --force');
    expect(await lxc.well('file pull c1/srv/new/deep/a -')).toBe('a');
  });

  test('file mount shows files through sshfs, and to any SFTP client, of a machine that is stopped', async () => {
    const { place } = lxc;
    const target = join(place, 'mounted');
    mkdirSync(target);
    const mounted = lxc.onTerminal(`file mount c1/srv/new ${target}`);
    await eventually(() => {
      expect(readFileSync(join(target, 'deep/a'), 'utf8')).toBe('a');
    });
    writeFileSync(join(target, 'deep/b'), 'through a mount');
    expect(await runProgram('fusermount3', ['-u', target])).toMatchObject({ exitCode: 0 });
    expect(await mounted.exitCode).toBe(0);
    expect(await lxc.well('file pull c1/srv/new/deep/b -')).toBe('through a mount');
    expect(readdirSync(target)).toEqual([]);

    const server = lxc.onTerminal('file mount c1 --listen 127.0.0.1:0 --no-auth');
    await server.shows(/127\.0\.0\.1:\d+/);
    const port = /127\.0\.0\.1:(\d+)/.exec(server.output)?.[1] ?? '';
    const unknown = ['-oStrictHostKeyChecking=no', '-oUserKnownHostsFile=/dev/null'];
    const { exitCode, stderr } = await runProgram(
      'sftp',
      ['-q', ...unknown, '-P', port, '-b', '-', 'root@127.0.0.1'],
      { input: `get /srv/new/deep/b ${place}/b\n` },
    );
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(place, 'b'), 'utf8')).toBe('through a mount');
    server.type('\x03');
    await server.exitCode;
    await lxc.badly(`file mount nothing ${target}`, /Error: .*nothing/);
  });
});
