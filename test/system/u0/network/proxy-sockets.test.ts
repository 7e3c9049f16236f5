import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, statSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { bindUnix, closeFd, openUnixSocket } from '../../../../src/sys/kernel/socket.ts';
import { needs } from '../../../helpers/needs.ts';
import { eventually, startMachine } from './ground.ts';
import { openProxyGround, sayUp, talk } from './proxy-ground.ts';

const test = needs('network');
const deafTest = needs('network', 'fuse');
const { networks, web, hostDir, guestDir, publish, serve } = openProxyGround();

describe('a port of the machine that leads to the host', () => {
  let server: Server;
  let hostPort: number;
  beforeAll(async () => {
    server = createServer((socket) => socket.end('from the host'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    hostPort = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    server.close();
  });

  async function hear(...command: readonly string[]): Promise<string> {
    const client = web().start('busybox', 'timeout', '3', ...command);
    client.stdin?.end();
    let heard = '';
    client.stdout?.on('data', (data: Buffer) => (heard += data.toString()));
    await once(client, 'exit');
    return heard;
  }

  test('is opened inside, and closed with the device', async () => {
    const proxy = await publish('tcp:127.0.0.1:9000', `tcp:127.0.0.1:${hostPort}`, {
      bind: 'instance',
    });
    expect(await hear('busybox', 'nc', '127.0.0.1', '9000')).toBe('from the host');
    await networks().removeProxy('web', proxy.device);
    expect(await hear('busybox', 'nc', '127.0.0.1', '9000')).toBe('');
  });

  test('may be one that only root has', async () => {
    await publish('tcp:0.0.0.0:443', `tcp:127.0.0.1:${hostPort}`, { bind: 'instance' });
    expect(await hear('busybox', 'nc', web().address(), '443')).toBe('from the host');
  });

  test('may be a socket file, which belongs to root inside and has the mode asked for', async () => {
    const path = `${guestDir}/host.sock`;
    const proxy = await publish(`unix:${path}`, `tcp:127.0.0.1:${hostPort}`, {
      bind: 'instance',
      mode: 0o600,
    });
    expect(web().run('stat', '-c', '%F %a %u %g', path).trim()).toBe('socket 600 0 0');
    const reader = `require('net').connect(${JSON.stringify(path)}).pipe(process.stdout)`;
    expect(await hear(process.execPath, '-e', reader)).toBe('from the host');
    // The file of a listener that has died is replaced, by this daemon and by the next.
    await networks().removeProxy('web', proxy.device);
    await networks().addProxy(web().pid, proxy);
    expect(await hear(process.execPath, '-e', reader)).toBe('from the host');
  });

  test('is not put where a link of the machine leads', async () => {
    const outside = join(hostDir, 'outside');
    mkdirSync(outside);
    web().run('ln', '-s', outside, `${guestDir}/out`);
    web().run('ln', '-s', '/proc/1/root/tmp', `${guestDir}/magic`);
    web().run('ln', '-s', `${outside}/target`, `${guestDir}/link.sock`);
    web().run('touch', `${guestDir}/file`);
    const to = `tcp:127.0.0.1:${hostPort}`;
    const inside = { bind: 'instance' as const };
    await expect(publish(`unix:${guestDir}/magic/x.sock`, to, inside)).rejects.toThrow();
    await expect(publish(`unix:${guestDir}/link.sock`, to, inside)).rejects.toThrow(
      'listens there',
    );
    await expect(publish(`unix:${guestDir}/file`, to, inside)).rejects.toThrow('listens there');
    expect(lstatSync(outside).isDirectory()).toBe(true);
    expect(existsSync(join(outside, 'target'))).toBe(false);
    expect(statSync(outside).uid).toBe(0);
  });
});

describe('a socket file in the machine that the host connects to', () => {
  test('is found below the root of the machine', async () => {
    const path = `${guestDir}/app.sock`;
    await serve(
      `require('net').createServer({ allowHalfOpen: true }, (s) => s.pipe(s)).listen(${JSON.stringify(path)}, ${sayUp})`,
    );
    const listen = join(hostDir, 'app.sock');
    const proxy = await publish(`unix:${listen}`, `unix:${path}`, { mode: 0o600 });
    expect(statSync(listen).mode & 0o777).toBe(0o600);
    expect(await talk(connect({ path: listen, allowHalfOpen: true }), 'echo')).toBe('echo');
    await networks().removeProxy('web', proxy.device);
    expect(existsSync(listen)).toBe(false);
  });

  test('is replaced when it is what a killed daemon left', async () => {
    const listen = join(hostDir, 'stale.sock');
    // What a killed daemon leaves: a socket file that nobody listens on.
    const fd = openUnixSocket('stream');
    bindUnix(fd, listen);
    closeFd(fd);
    expect(lstatSync(listen).isSocket()).toBe(true);
    await publish(`unix:${listen}`, `unix:${guestDir}/app.sock`);
    expect(await talk(connect({ path: listen, allowHalfOpen: true }), 'again')).toBe('again');
  });

  test('cannot be a file of the host that a link names, nor anything but a socket', async () => {
    const secret = join(hostDir, 'secret.sock');
    const server = createServer((socket) => socket.end('secret'));
    server.listen(secret);
    await once(server, 'listening');
    // The machine of this test sees the host's files, so give it a root of its own.
    const jailed = await startMachine('jailed');
    jailed.run('mount', '-t', 'tmpfs', 'none', '/tmp');
    jailed.run('mkdir', '/tmp/x');
    for (const [name, target] of [
      ['absolute', secret],
      ['magic', `/proc/${process.pid}/root${secret}`],
      ['self', `/proc/self/root${secret}`],
    ] as const) {
      jailed.run('ln', '-s', target, `/tmp/x/${name}`);
    }
    jailed.run('touch', '/tmp/x/file');
    jailed.run('mkfifo', '/tmp/x/fifo');
    const listen = join(hostDir, 'jail.sock');
    for (const name of ['absolute', 'magic', 'self', 'file', 'fifo', 'missing']) {
      await networks().addProxy(jailed.pid, {
        instance: 'jailed',
        device: 'p',
        listen: { kind: 'unix', path: listen },
        connect: { kind: 'unix', path: `/tmp/x/${name}` },
        bind: 'host',
        mode: 0o600,
      });
      expect(await talk(connect(listen)), name).toBe('');
    }
    server.close();
    await jailed.kill();
    await networks().removeProxy('jailed', 'p');
  });

  deafTest(
    'is not waited for in a file system whose server is the machine and says nothing',
    async () => {
      const dirs = ['lower', 'upper', 'work', 'fuse', 'deaf'].map((name) => `${guestDir}/${name}`);
      const [lower = '', upper = '', work = '', fuse = '', deaf = ''] = dirs;
      web().run('mkdir', ...dirs);
      const own = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
      const server = web().start('fuse-overlayfs', '-f', '-o', own, fuse);
      await eventually(() => {
        expect(web().run('cat', '/proc/self/mountinfo')).toContain(` ${fuse} `);
      });
      // The kernel asks a FUSE server of nobody outside for us; by way of an overlay, it does.
      const over = `userxattr,lowerdir=${fuse}:${lower}`;
      web().run('mount', '-t', 'overlay', '-o', over, 'none', deaf);
      server.kill('SIGSTOP');
      const listen = join(hostDir, 'deaf.sock');
      const proxy = await publish(`unix:${listen}`, `unix:${deaf}/app.sock`);
      expect(await talk(connect(listen))).toBe('');
      await networks().removeProxy('web', proxy.device);
      const inside = { bind: 'instance' as const };
      await expect(publish(`unix:${deaf}/x.sock`, `unix:${listen}`, inside)).rejects.toThrow(
        'is on a file system of type overlay that the machine has mounted',
      );
      server.kill('SIGKILL');
    },
  );
});
