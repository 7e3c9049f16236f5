import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect } from 'vitest';

import { needs } from '../../../helpers/needs.ts';
import { eventually, startMachine } from './ground.ts';
import { address, freePort, openProxyGround, sayUp, talk } from './proxy-ground.ts';

const test = needs('network');
const { networks, web, publish, serve, switchLinks } = openProxyGround();

describe('a port of the host that leads into a machine', () => {
  let port: number;
  beforeAll(async () => {
    // Says who calls, and then echoes; it ends when the other end does.
    await serve(
      `require('net').createServer({ allowHalfOpen: true }, (s) => { s.write(s.remoteAddress + ' '); s.pipe(s); }).listen(80, '0.0.0.0', ${sayUp})`,
    );
    port = await freePort();
    await publish(`tcp:127.0.0.1:${port}`, 'tcp:127.0.0.1:80');
  });

  test("carries data both ways, ends each direction by itself, and comes from the machine's own address", async () => {
    expect(await talk(connect({ port, allowHalfOpen: true }), 'hello')).toBe(
      `${web().address()} hello`,
    );
  });

  test('carries 64 MiB with a slow reader and little memory', async () => {
    const socket = connect({ port });
    const block = randomBytes(1 << 20);
    const sent = createHash('sha256');
    const got = createHash('sha256');
    let size = 0;
    const greeting = web().address().length + 1;
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
    const own = web().address();
    expect(heard).toEqual(heard.map((_, at) => `${own} ${at}`));
  });

  test('closes a connection to a service that is not there', async () => {
    const closed = await freePort();
    await publish(`tcp:127.0.0.1:${closed}`, 'tcp:127.0.0.1:81');
    expect(await talk(connect({ port: closed }))).toBe('');
  });

  test('is refused when somebody has it, and when nobody may have it', async () => {
    await expect(publish(`tcp:127.0.0.1:${port}`, 'tcp:127.0.0.1:80')).rejects.toThrow(
      `Cannot listen at 127.0.0.1:${port}: another program or machine listens there`,
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
      'another program or machine listens there',
    );
    await expect(once(connect({ port: free }), 'connect')).rejects.toThrow('ECONNREFUSED');
  });

  test('maps a list to a list, and one to all', async () => {
    await serve(
      `for (const p of [8001, 8002]) require('net').createServer((s) => s.end('on ' + p)).listen(p, ${sayUp})`,
    );
    const [a, b] = [await freePort(), await freePort()];
    const list = await publish(`tcp:127.0.0.1:${a},${b}`, 'tcp:127.0.0.1:8001,8002');
    expect(await talk(connect({ port: a }))).toBe('on 8001');
    expect(await talk(connect({ port: b }))).toBe('on 8002');
    await networks().removeProxy('web', list.device);
    await publish(`tcp:127.0.0.1:${a},${b}`, 'tcp:127.0.0.1:8002');
    expect(await talk(connect({ port: a }))).toBe('on 8002');
  });

  test('is closed with its connections when it is removed, and may be added again', async () => {
    const own = await freePort();
    const proxy = await publish(`tcp:127.0.0.1:${own}`, 'tcp:127.0.0.1:80');
    const socket = connect({ port: own });
    await once(socket, 'data');
    await networks().removeProxy('web', proxy.device);
    await networks().removeProxy('web', proxy.device);
    await once(socket, 'close');
    await expect(once(connect({ port: own }), 'connect')).rejects.toThrow('ECONNREFUSED');
    await networks().addProxy(web().pid, proxy);
    await networks().addProxy(web().pid, proxy);
    expect(await talk(connect({ port: own, allowHalfOpen: true }))).toContain(web().address());
  });

  test('does not keep the network of a dead machine alive, and refuses visitors', async () => {
    const dying = await startMachine('dying');
    const { hostName } = await networks().attach(dying.pid, dying.nic);
    const own = await freePort();
    await networks().addProxy(dying.pid, {
      instance: 'dying',
      device: 'p',
      listen: address(`tcp:127.0.0.1:${own}`),
      connect: address('tcp:127.0.0.1:80'),
      bind: 'host',
      mode: 0,
    });
    await dying.kill();
    expect(await talk(connect({ port: own }))).toBe('');
    // The pair went with the namespace, which nothing of the proxy holds.
    await eventually(() => {
      expect(switchLinks()).not.toContain(hostName);
    });
    await networks().prune(['web']);
    await expect(once(connect({ port: own }), 'connect')).rejects.toThrow('ECONNREFUSED');
  });
});

describe('a datagram port of the host', () => {
  test('relays each sender by itself', async () => {
    await serve(
      `const s = require('dgram').createSocket('udp4'); s.on('message', (m, r) => s.send(r.address + ' ' + m, r.port, r.address)); s.bind(53, ${sayUp})`,
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
    expect(answers).toEqual(clients.map((_, at) => `${web().address()} question ${at}`));
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
      `const s = require('dgram').createSocket('udp4'); s.on('message', (m, r) => s.send('late', r.port, r.address)); s.bind(54, ${sayUp})`,
    );
    const answer = once(client, 'message');
    client.send('again', port, '127.0.0.1');
    await sleep(50);
    client.send('again', port, '127.0.0.1');
    expect(String(((await answer) as unknown[])[0])).toBe('late');
    client.close();
  });
});
