import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import type { ProxyAddress, ProxySpec } from '../../../../src/network/types.ts';
import { needs } from '../../../helpers/needs.ts';
import { bridge, eventually, openGround, startMachine, type Machine } from './ground.ts';

const test = needs('network');
const { paths, networks: daemon } = openGround([]);
const hostDir = dirname(paths.dataDir);
let networks = daemon();
let web: Machine;
/** A directory of the machine alone. */
let guestDir: string;

beforeAll(async () => {
  await networks.apply([bridge]);
  web = await startMachine('web');
  await networks.attach(web.pid, web.nic);
  await web.lease();
  guestDir = '/mnt/guest';
  web.run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'none', '/mnt');
  web.run('mkdir', guestDir);
});

afterAll(async () => {
  await web.kill();
  await networks.close();
});

function address(text: string): ProxyAddress {
  const [kind = '', ...rest] = text.split(':');
  if (kind === 'unix') return { kind, path: rest.join(':') };
  const ports = (rest[1] ?? '').split(',').map(Number);
  return { kind: kind as 'tcp', host: rest[0] ?? '', ports };
}

let devices = 0;
async function publish(
  listen: string,
  target: string,
  more: Partial<ProxySpec> = {},
): Promise<ProxySpec> {
  const proxy: ProxySpec = {
    instance: 'web',
    device: `p${(devices += 1)}`,
    listen: address(listen),
    connect: address(target),
    bind: 'host',
    mode: 0o644,
    ...more,
  };
  await networks.addProxy(web.pid, proxy);
  return proxy;
}

/** A server in the machine, as a Node program of ours run there. It prints a line when it listens. */
async function serve(source: string): Promise<void> {
  const child = web.start(process.execPath, '-e', source);
  await once(child.stdout as NodeJS.EventEmitter, 'data');
}

const say = (text: string): string => `() => console.log(${JSON.stringify(text)})`;

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Everything the other end says after `data` and our end. */
async function talk(socket: Socket, data = ''): Promise<string> {
  socket.end(data);
  let heard = '';
  socket.on('data', (chunk) => (heard += chunk.toString()));
  await once(socket, 'close');
  return heard;
}

describe('a port of the host that leads into a machine', () => {
  let port: number;
  beforeAll(async () => {
    // Says who calls, and then echoes; it ends when the other end does.
    await serve(
      `require('net').createServer({ allowHalfOpen: true }, (s) => { s.write(s.remoteAddress + ' '); s.pipe(s); }).listen(80, '0.0.0.0', ${say('up')})`,
    );
    port = await freePort();
    await publish(`tcp:127.0.0.1:${port}`, 'tcp:127.0.0.1:80');
  });

  test("carries data both ways, ends each direction by itself, and comes from the machine's own address", async () => {
    expect(await talk(connect({ port, allowHalfOpen: true }), 'hello')).toBe(
      `${web.address()} hello`,
    );
  });

  test('carries 64 MiB with a slow reader and little memory', async () => {
    const socket = connect({ port });
    const block = randomBytes(1 << 20);
    const sent = createHash('sha256');
    const got = createHash('sha256');
    let size = 0;
    const greeting = web.address().length + 1;
    socket.on('data', (chunk: Buffer) => {
      const data = size < greeting ? chunk.subarray(greeting - size) : chunk;
      size += chunk.length;
      got.update(data);
    });
    const before = process.memoryUsage().rss;
    let most = 0;
    for (let round = 0; round < 64; round++) {
      sent.update(block);
      if (!socket.write(block)) await once(socket, 'drain');
      if (round % 16 === 0) {
        socket.pause();
        await sleep(50);
        socket.resume();
      }
      most = Math.max(most, process.memoryUsage().rss - before);
    }
    socket.end();
    await once(socket, 'close');
    expect(size).toBe((64 << 20) + greeting);
    expect(got.digest('hex')).toBe(sent.digest('hex'));
    expect(most).toBeLessThan(48 << 20);
  });

  test('carries 300 connections at once', async () => {
    const from = performance.now();
    const heard = await Promise.all(
      Array.from({ length: 300 }, (_, at) => talk(connect({ port, allowHalfOpen: true }), `${at}`)),
    );
    console.log(`300 connections: ${(performance.now() - from).toFixed(0)} ms`);
    expect(heard).toEqual(heard.map((_, at) => `${web.address()} ${at}`));
  });

  test('closes a connection to a service that is not there', async () => {
    const closed = await freePort();
    await publish(`tcp:127.0.0.1:${closed}`, 'tcp:127.0.0.1:81');
    expect(await talk(connect({ port: closed }))).toBe('');
  });

  test('is refused when somebody has it, and when nobody may have it', async () => {
    await expect(publish(`tcp:127.0.0.1:${port}`, 'tcp:127.0.0.1:80')).rejects.toThrow(
      `Cannot create listener at "127.0.0.1:${port}"`,
    );
    await expect(publish('tcp:127.0.0.1:1', 'tcp:127.0.0.1:80')).rejects.toThrow(
      'Cannot listen at 127.0.0.1:1: the kernel refuses it to an ordinary user',
    );
    await expect(publish('tcp:192.0.2.77:4444', 'tcp:127.0.0.1:80')).rejects.toThrow(
      'there is no such address',
    );
  });

  test('leaves nothing of a range when one of it cannot be had', async () => {
    const free = await freePort();
    await expect(publish(`tcp:127.0.0.1:${free},${port}`, 'tcp:127.0.0.1:80')).rejects.toThrow(
      'Cannot create listener',
    );
    await expect(once(connect({ port: free }), 'connect')).rejects.toThrow('ECONNREFUSED');
  });

  test('maps a list to a list, and one to all', async () => {
    await serve(
      `for (const p of [8001, 8002]) require('net').createServer((s) => s.end('on ' + p)).listen(p, ${say('up')})`,
    );
    const [a, b] = [await freePort(), await freePort()];
    const list = await publish(`tcp:127.0.0.1:${a},${b}`, 'tcp:127.0.0.1:8001,8002');
    expect(await talk(connect({ port: a }))).toBe('on 8001');
    expect(await talk(connect({ port: b }))).toBe('on 8002');
    await networks.removeProxy('web', list.device);
    await publish(`tcp:127.0.0.1:${a},${b}`, 'tcp:127.0.0.1:8002');
    expect(await talk(connect({ port: a }))).toBe('on 8002');
  });

  test('is closed with its connections when it is removed, and may be added again', async () => {
    const own = await freePort();
    const proxy = await publish(`tcp:127.0.0.1:${own}`, 'tcp:127.0.0.1:80');
    const socket = connect({ port: own });
    await once(socket, 'data');
    await networks.removeProxy('web', proxy.device);
    await networks.removeProxy('web', proxy.device);
    await once(socket, 'close');
    await expect(once(connect({ port: own }), 'connect')).rejects.toThrow('ECONNREFUSED');
    await networks.addProxy(web.pid, proxy);
    await networks.addProxy(web.pid, proxy);
    expect(await talk(connect({ port: own, allowHalfOpen: true }))).toContain(web.address());
  });

  test('does not keep the network of a dead machine alive, and refuses visitors', async () => {
    const dying = await startMachine('dying');
    const { hostName } = await networks.attach(dying.pid, dying.nic);
    const own = await freePort();
    await networks.addProxy(dying.pid, {
      instance: 'dying',
      device: 'p',
      listen: address(`tcp:127.0.0.1:${own}`),
      connect: address('tcp:127.0.0.1:80'),
      bind: 'host',
      mode: 0,
    });
    await dying.kill();
    expect(await talk(connect({ port: own }))).toBe('');
    const names = (): string => web.run('nsenter', '--version') + hostName;
    expect(names()).toContain(hostName);
    await eventually(() => {
      expect(existsSync(`/proc/${dying.pid}`)).toBe(false);
    });
    await networks.prune(['web']);
    await expect(once(connect({ port: own }), 'connect')).rejects.toThrow('ECONNREFUSED');
  });
});

describe('a datagram port of the host', () => {
  test('relays each sender by itself', async () => {
    await serve(
      `const s = require('dgram').createSocket('udp4'); s.on('message', (m, r) => s.send(r.address + ' ' + m, r.port, r.address)); s.bind(53, ${say('up')})`,
    );
    const port = 40_000 + (process.pid % 20_000);
    await publish(`udp:127.0.0.1:${port}`, 'udp:127.0.0.1:53');
    const clients = Array.from({ length: 50 }, () => createSocket('udp4'));
    const answers = await Promise.all(
      clients.map(async (client, at) => {
        client.send(`question ${at}`, port, '127.0.0.1');
        const [answer] = (await once(client, 'message')) as [Buffer];
        return answer.toString();
      }),
    );
    expect(answers).toEqual(clients.map((_, at) => `${web.address()} question ${at}`));
    const again = clients[0];
    again?.send('again', port, '127.0.0.1');
    expect(String(((await once(again as never, 'message')) as unknown[])[0])).toContain('again');
    for (const client of clients) client.close();
  });

  test('survives a service that comes late', async () => {
    const port = 40_001 + (process.pid % 20_000);
    await publish(`udp:127.0.0.1:${port}`, 'udp:127.0.0.1:54');
    const client = createSocket('udp4');
    client.send('early', port, '127.0.0.1');
    await sleep(100);
    await serve(
      `const s = require('dgram').createSocket('udp4'); s.on('message', (m, r) => s.send('late', r.port, r.address)); s.bind(54, ${say('up')})`,
    );
    const answer = once(client, 'message');
    client.send('again', port, '127.0.0.1');
    await sleep(50);
    client.send('again', port, '127.0.0.1');
    expect(String(((await answer) as unknown[])[0])).toBe('late');
    client.close();
  });
});

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
    const client = web.start('busybox', 'timeout', '3', ...command);
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
    await networks.removeProxy('web', proxy.device);
    expect(await hear('busybox', 'nc', '127.0.0.1', '9000')).toBe('');
  });

  test('may be one that only root has', async () => {
    await publish('tcp:0.0.0.0:443', `tcp:127.0.0.1:${hostPort}`, { bind: 'instance' });
    expect(await hear('busybox', 'nc', web.address(), '443')).toBe('from the host');
  });

  test('may be a socket file, which belongs to root inside and has the mode asked for', async () => {
    const path = `${guestDir}/host.sock`;
    const proxy = await publish(`unix:${path}`, `tcp:127.0.0.1:${hostPort}`, {
      bind: 'instance',
      mode: 0o600,
    });
    expect(web.run('stat', '-c', '%F %a %u %g', path).trim()).toBe('socket 600 0 0');
    const reader = `require('net').connect(${JSON.stringify(path)}).pipe(process.stdout)`;
    expect(await hear(process.execPath, '-e', reader)).toBe('from the host');
    // The file of a listener that has died is replaced, by this daemon and by the next.
    await networks.removeProxy('web', proxy.device);
    await networks.addProxy(web.pid, proxy);
    expect(await hear(process.execPath, '-e', reader)).toBe('from the host');
  });

  test('is not put where a link of the machine leads', async () => {
    const outside = join(hostDir, 'outside');
    mkdirSync(outside);
    web.run('ln', '-s', outside, `${guestDir}/out`);
    web.run('ln', '-s', '/proc/1/root/tmp', `${guestDir}/magic`);
    web.run('ln', '-s', `${outside}/target`, `${guestDir}/link.sock`);
    web.run('touch', `${guestDir}/file`);
    const to = `tcp:127.0.0.1:${hostPort}`;
    const inside = { bind: 'instance' as const };
    await expect(publish(`unix:${guestDir}/magic/x.sock`, to, inside)).rejects.toThrow();
    await expect(publish(`unix:${guestDir}/link.sock`, to, inside)).rejects.toThrow(
      'exists already',
    );
    await expect(publish(`unix:${guestDir}/file`, to, inside)).rejects.toThrow('exists already');
    expect(lstatSync(outside).isDirectory()).toBe(true);
    expect(existsSync(join(outside, 'target'))).toBe(false);
    expect(statSync(outside).uid).toBe(0);
  });
});

describe('a socket file in the machine that the host connects to', () => {
  test('is found below the root of the machine', async () => {
    const path = `${guestDir}/app.sock`;
    await serve(
      `require('net').createServer({ allowHalfOpen: true }, (s) => s.pipe(s)).listen(${JSON.stringify(path)}, ${say('up')})`,
    );
    const listen = join(hostDir, 'app.sock');
    const proxy = await publish(`unix:${listen}`, `unix:${path}`, { mode: 0o600 });
    expect(statSync(listen).mode & 0o777).toBe(0o600);
    expect(await talk(connect({ path: listen, allowHalfOpen: true }), 'echo')).toBe('echo');
    await networks.removeProxy('web', proxy.device);
    expect(existsSync(listen)).toBe(false);
  });

  test('is replaced by the next daemon when the last one was killed', async () => {
    const listen = join(hostDir, 'stale.sock');
    // What a killed daemon leaves: a socket file that nobody listens on.
    const child = web.start(process.execPath, '-e', 'setTimeout(() => undefined, 1)');
    await once(child, 'exit');
    const { openUnixSocket, bindUnix, closeFd } =
      await import('../../../../src/sys/kernel/socket.ts');
    const fd = openUnixSocket('stream');
    bindUnix(fd, listen);
    closeFd(fd);
    expect(lstatSync(listen).isSocket()).toBe(true);
    networks = daemon();
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
      await networks.addProxy(jailed.pid, {
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
    await networks.removeProxy('jailed', 'p');
  });
});

void symlinkSync;
void writeFileSync;
