import { createHash, randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Client } from '../../src/client/client.ts';
import { watchEvents } from '../../src/client/events.ts';
import { Transport } from '../../src/client/transport.ts';
import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { Event } from '../../src/contract/api/events.ts';
import type { Operation } from '../../src/contract/api/operations.ts';
import type { TestDaemon } from '../fakes/daemon.ts';
import type { TestSocket } from './client.ts';

let daemon: TestDaemon;
let api: ApiClient;
beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
  await api.upload('an image', { 'X-LXD-aliases': 'alias=i' });
  const source = { type: 'image', alias: 'i' };
  await api.done('POST', '/1.0/instances', { name: 'web', source, start: true });
  await api.done('POST', '/1.0/instances', { name: 'off', source });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

async function begin(path: string, body: object): Promise<Operation> {
  const { json } = await api.call('POST', `/1.0/instances/web/${path}`, body);
  if (json.type !== 'async') throw new Error(json.error);
  return json.metadata;
}

async function connect(operation: Operation, fds: readonly string[]): Promise<TestSocket[]> {
  const secrets = operation.metadata['fds'] as Record<string, string>;
  const sockets = fds.map((fd) =>
    api.websocket(`/1.0/operations/${operation.id}/websocket?secret=${secrets[fd] ?? ''}`),
  );
  await Promise.all(sockets.map((socket) => socket.opened));
  return sockets;
}

const ended = (operation: Operation) =>
  api.get<Operation>(`/1.0/operations/${operation.id}/wait?timeout=20`);

const exec = (command: string[], rest: object = {}) =>
  begin('exec', { command, 'wait-for-websocket': true, interactive: false, ...rest });

describe('exec', () => {
  test('has one secret per stream, and control', async () => {
    const operation = await exec(['true']);
    expect(operation).toMatchObject({ class: 'websocket', status_code: 103 });
    const fds = operation.metadata['fds'] as Record<string, string>;
    expect(Object.keys(fds).sort()).toEqual(['0', '1', '2', 'control']);
    expect(new Set(Object.values(fds)).size).toBe(4);
    await connect(operation, ['control', '0', '1', '2']);
    expect((await ended(operation)).metadata['return']).toBe(0);
  });

  test('carries both outputs, each ended by an empty text frame, and the status', async () => {
    const operation = await exec(['sh', '-c', 'printf out; printf err >&2; exit 5']);
    const [, , stdout, stderr] = await connect(operation, ['control', '0', '1', '2']);
    const last = await ended(operation);
    expect(last).toMatchObject({ status: 'Success', metadata: { return: 5 } });
    await Promise.all([stdout?.closed, stderr?.closed]);
    expect(stdout?.text).toBe('out');
    expect(stderr?.text).toBe('err');
    for (const socket of [stdout, stderr]) {
      expect(socket?.frames.at(-1)).toEqual({ text: true, data: Buffer.alloc(0) });
    }
  });

  test('ends the input on the empty text frame only', async () => {
    const operation = await exec(['cat']);
    // pylxd never connects control.
    const [stdin, stdout] = await connect(operation, ['0', '1', '2']);
    stdin?.ws.send(Buffer.from('one '), { binary: true });
    stdin?.ws.send(Buffer.alloc(0), { binary: true });
    await stdout?.until(() => stdout.text === 'one ');
    stdin?.ws.send(Buffer.from('two'), { binary: true });
    stdin?.ws.send('', { binary: false });
    expect((await ended(operation)).metadata['return']).toBe(0);
    await stdout?.closed;
    expect(stdout?.text).toBe('one two');
  });

  test('is binary clean both ways, whatever the size', async () => {
    const data = randomBytes(8 * 1024 * 1024);
    const operation = await exec(['cat']);
    const [stdin, stdout] = await connect(operation, ['0', '1', '2']);
    for (let at = 0; at < data.length; at += 128 * 1024) {
      stdin?.ws.send(data.subarray(at, at + 128 * 1024), { binary: true });
    }
    stdin?.ws.send('', { binary: false });
    await ended(operation);
    await stdout?.closed;
    const sum = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    expect(sum(stdout?.bytes ?? Buffer.alloc(0))).toBe(sum(data));
  });

  test('hands signals on, and tells of them as 128 + n', async () => {
    const operation = await exec(['sleep', '100']);
    const [control] = await connect(operation, ['control', '0', '1', '2']);
    control?.ws.send('not json');
    control?.ws.send(JSON.stringify({ command: 'signal', args: null, signal: 15 }));
    expect((await ended(operation)).metadata['return']).toBe(143);
  });

  test('kills the command when control is lost', async () => {
    const operation = await exec(['sleep', '100']);
    const [control] = await connect(operation, ['control', '0', '1', '2']);
    control?.ws.terminate();
    expect((await ended(operation)).metadata['return']).toBe(137);
  });

  test('kills the command when the operation is cancelled', async () => {
    const operation = await exec(['sleep', '100']);
    await connect(operation, ['control', '0', '1', '2']);
    expect((await api.call('DELETE', `/1.0/operations/${operation.id}`)).status).toBe(200);
    expect((await ended(operation)).status_code).toBeGreaterThanOrEqual(200);
  });

  test('does not wait for what the command leaves in the background', async () => {
    const operation = await exec(['sh', '-c', 'sleep 5 & echo hi']);
    const [, stdout] = await connect(operation, ['0', '1', '2']);
    const before = performance.now();
    await ended(operation);
    expect(performance.now() - before).toBeLessThan(3000);
    expect(stdout?.text).toBe('hi\n');
  });

  test('has a terminal of the wanted size that can be resized', async () => {
    const untilResized = 'until [ "$(stty size)" = "40 100" ]; do sleep 0.02; done';
    const operation = await exec(
      ['sh', '-c', `stty size; read x; ${untilResized}; stty size; exit 3`],
      {
        interactive: true,
        width: 91,
        height: 31,
      },
    );
    expect(Object.keys(operation.metadata['fds'] as object).sort()).toEqual(['0', 'control']);
    const [control, terminal] = await connect(operation, ['control', '0']);
    await terminal?.until(() => terminal.text.includes('31 91'));
    const args = { width: '100', height: '40' };
    control?.ws.send(JSON.stringify({ command: 'window-resize', args, signal: 0 }));
    terminal?.ws.send(Buffer.from('\n'), { binary: true });
    await terminal?.until(() => terminal.text.includes('40 100'));
    expect((await ended(operation)).metadata['return']).toBe(3);
  });

  test('a client that does not read holds up the command, not our memory', async () => {
    const operation = await exec(['head', '-c', '200000000', '/dev/zero']);
    const [, stdout] = await connect(operation, ['0', '1', '2']);
    stdout?.ws.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = process.memoryUsage().rss;
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(process.memoryUsage().rss - before).toBeLessThan(30_000_000);
    expect((await api.get<Operation>(`/1.0/operations/${operation.id}`)).status).toBe('Running');
    stdout?.ws.terminate();
    await ended(operation);
  });

  test('fails when the client does not connect', { timeout: 10_000 }, async () => {
    const operation = await exec(['true']);
    expect(await ended(operation)).toMatchObject({
      status: 'Failure',
      warren_error: { code: 'timeout' },
    });
  });

  test('runs without a client and records output where it can be fetched', async () => {
    const body = { command: ['sh', '-c', 'echo out; echo err >&2; exit 2'], 'record-output': true };
    const last = await api.done('POST', '/1.0/instances/web/exec', body);
    expect(last.metadata['return']).toBe(2);
    const output = last.metadata['output'] as Record<string, string>;
    expect((await api.call('GET', output['1'] ?? '')).body.toString()).toBe('out\n');
    expect((await api.call('GET', output['2'] ?? '')).body.toString()).toBe('err\n');
    expect(await api.get('/1.0/instances/web/logs')).toContain(output['1']);
    expect((await api.call('DELETE', output['1'] ?? '')).status).toBe(200);
    expect((await api.call('GET', output['1'] ?? '')).status).toBe(404);
    for (const name of ['..%2F..%2Fdaemon.log', '%2Fetc%2Fpasswd', '..']) {
      expect((await api.call('GET', `/1.0/instances/web/logs/${name}`)).status).toBe(404);
    }
  });

  test.each([
    [{}, 400],
    [{ command: [] }, 400],
    [{ command: 'ls' }, 400],
    [{ command: ['a\0b'] }, 400],
    [{ command: ['ls'], user: -1 }, 400],
    [{ command: ['ls'], interactive: true }, 400],
    [{ command: ['ls'], 'wait-for-websocket': true, 'record-output': true }, 400],
  ])('refuses %j', async (body, status) => {
    expect((await api.call('POST', '/1.0/instances/web/exec', body)).status).toBe(status);
  });

  test('is refused in a machine that does not run', async () => {
    const { status, json } = await api.call('POST', '/1.0/instances/off/exec', { command: ['ls'] });
    expect(status).toBe(400);
    expect(json.warren?.hint).toBe('warren start off');
  });

  test('opens each socket once and to no other secret', async () => {
    const operation = await exec(['cat']);
    const base = `/1.0/operations/${operation.id}/websocket`;
    for (const query of ['', '?secret=', `?secret=${'0'.repeat(64)}`, '?secret=%00']) {
      await expect(api.websocket(base + query).opened).rejects.toThrow('403');
    }
    const unknown = '/1.0/operations/00000000-0000-0000-0000-000000000000/websocket?secret=x';
    await expect(api.websocket(unknown).opened).rejects.toThrow('404');
    await expect(api.websocket('/1.0/nonsense').opened).rejects.toThrow('404');
    await expect(api.websocket('/1.0/%ff').opened).rejects.toThrow('404');
    const [stdin] = await connect(operation, ['0', '1', '2']);
    const { 0: secret } = operation.metadata['fds'] as Record<string, string>;
    await expect(api.websocket(`${base}?secret=${secret ?? ''}`).opened).rejects.toThrow('403');
    stdin?.ws.send('', { binary: false });
    await ended(operation);
    await expect(api.websocket(`${base}?secret=${secret ?? ''}`).opened).rejects.toThrow('403');
  });

  test('a frame longer than any honest one ends the connection and nothing else', async () => {
    const operation = await exec(['cat']);
    const [stdin] = await connect(operation, ['0', '1', '2']);
    stdin?.ws.send(Buffer.alloc(3 * 1024 * 1024), { binary: true });
    expect(await stdin?.closed).toBe(1009);
    expect((await ended(operation)).metadata['return']).toBe(0);
  });
});

describe('the console', () => {
  test('shows what the machine says and hands on what is typed', async () => {
    const operation = await begin('console', { width: 80, height: 24, type: 'console' });
    const [control, data] = await connect(operation, ['control', '0']);
    await new Promise((resolve) => setTimeout(resolve, 50));
    daemon.runtime.say('web', 'login: ');
    await data?.until(() => data.text.includes('login: '));
    data?.ws.send(Buffer.from('me\n'), { binary: true });
    // The terminal echoes.
    await data?.until(() => data.text.includes('me'));
    control?.ws.close(1000, 'Detaching from console');
    expect((await ended(operation)).status).toBe('Success');
    const log = await api.call('GET', '/1.0/instances/web/console');
    expect(log.body.toString()).toContain('login: ');
    expect((await api.call('DELETE', '/1.0/instances/web/console')).status).toBe(200);
    expect((await api.call('GET', '/1.0/instances/web/console')).body.toString()).toBe('');
  });

  test('is there again after a daemon that ended, as is said to who was attached', async () => {
    const operation = await begin('console', {});
    await connect(operation, ['control', '0']);
    await expect
      .poll(async () => (await api.call('DELETE', `/1.0/operations/${operation.id}`)).status)
      .toBe(200);
    expect((await ended(operation)).warren_error).toMatchObject({
      code: 'cancelled',
      hint: 'warren console web',
    });
  });

  test('ends when the machine does', async () => {
    const source = { type: 'image', alias: 'i' };
    await api.done('POST', '/1.0/instances', { name: 'short', source, start: true });
    const { json } = await api.call('POST', '/1.0/instances/short/console', {});
    const operation: Operation = json.metadata;
    const [, data] = await connect(operation, ['control', '0']);
    await new Promise((resolve) => setTimeout(resolve, 50));
    daemon.runtime.halt('short');
    expect((await ended(operation)).status).toBe('Success');
    await data?.closed;
    await api.done('DELETE', '/1.0/instances/short?force=1');
  });

  test('is refused for a stopped machine and another type', async () => {
    expect((await api.call('POST', '/1.0/instances/off/console', {})).status).toBe(400);
    const vga = await api.call('POST', '/1.0/instances/web/console', { type: 'vga' });
    expect(vga.status).toBe(400);
  });
});

describe('events', () => {
  test('tell of an operation at every step, and of what happened', async () => {
    const all = api.websocket('/1.0/events');
    const some = api.websocket('/1.0/events?type=lifecycle');
    const other = api.websocket('/1.0/events?project=other');
    await Promise.all([all.opened, some.opened, other.opened]);
    await api.done('POST', '/1.0/instances/off/snapshots', { name: 'ev' });
    const parse = (socket: TestSocket) =>
      socket.frames.map(({ data }) => JSON.parse(data.toString()) as Event);
    await some.until(() => some.frames.length > 0);
    const operations = parse(all).filter(({ type }) => type === 'operation');
    const statuses = operations.map(({ metadata }) => (metadata as Operation).status);
    expect(statuses).toEqual(['Pending', 'Running', 'Success']);
    expect(parse(some)).toMatchObject([
      {
        type: 'lifecycle',
        location: 'none',
        project: 'default',
        metadata: {
          action: 'instance-snapshot-created',
          source: '/1.0/instances/off/snapshots/ev',
        },
      },
    ]);
    expect(other.frames).toEqual([]);
    for (const socket of [all, some, other]) socket.ws.close();
  });

  test('refuse an unknown type', async () => {
    await expect(api.websocket('/1.0/events?type=gossip').opened).rejects.toThrow('400');
    for (const path of ['/1.0/events', '/1.0/operations/x/websocket', '/1.0/instances/x/sftp']) {
      const { status, json } = await api.call('GET', path);
      expect({ path, status }).toEqual({ path, status: 400 });
      expect(json.error).toMatch(/it is a plain request, wanted one with "Upgrade: /);
    }
    const client = new Client({ transport: new Transport({ socket: daemon.socket }) });
    await expect(watchEvents(client, ['gossip']).next()).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('gossip') as string,
    });
  });

  test('drop a reader that does not read', async () => {
    const slow = api.websocket('/1.0/events');
    await slow.opened;
    slow.ws.pause();
    const filler = 'x'.repeat(100_000);
    const before = process.memoryUsage().rss;
    for (let count = 0; count < 400; count++) {
      daemon.context.events.emit('lifecycle', { action: filler, source: '', context: {} });
      if (count % 20 === 0) await new Promise(setImmediate);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(80_000_000);
    slow.ws.resume();
    await slow.closed;
    await expect.poll(() => daemon.context.events.isWanted('lifecycle')).toBe(false);
  });
});
