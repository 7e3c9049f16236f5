import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { cli, eventually, openWarren, runProgram, type Warren } from '../helpers/warren.ts';
import { ApiClient, type TestSocket } from '../integration/client.ts';

import type { Operation } from '../../src/contract/api/operations.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');
const fileBytes = 24 * 1024 * 1024;

describe('the output of a command', () => {
  let warren: Warren;
  let api: ApiClient;
  let sum: string;

  beforeAll(async () => {
    warren = openWarren();
    await warren.ok(['launch', 'busybox', 'm']);
    api = new ApiClient(join(warren.dir, 'unix.socket'));
    const script = `head -c ${fileBytes} /dev/urandom >/root/f; sha256sum </root/f`;
    sum = (await warren.ok(['exec', 'm', '--', 'sh', '-c', script])).split(' ')[0] ?? '';
  });
  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  const begin = async (
    command: readonly string[],
  ): Promise<[string, TestSocket, readonly TestSocket[]]> => {
    const body = { command, 'wait-for-websocket': true, interactive: false };
    const { json } = await api.call('POST', '/1.0/instances/m/exec', body);
    const { id, metadata } = json.metadata as Operation;
    const { fds } = metadata as { fds: Record<string, string> };
    const sockets = ['0', '1', '2', 'control'].map((name) =>
      api.websocket(`/1.0/operations/${id}/websocket?secret=${fds[name] ?? ''}`),
    );
    const [, stdout] = sockets;
    if (stdout === undefined) throw new Error('no socket');
    await Promise.all(sockets.map(({ opened }) => opened));
    return [id, stdout, sockets];
  };
  const ended = (id: string): Promise<Operation> =>
    api.get<Operation>(`/1.0/operations/${id}/wait?timeout=60`);

  test.each([
    ['much at once', ['cat', '/root/f']],
    ['little at a time', ['dd', 'if=/root/f', 'bs=4000']],
    ['little and much', ['sh', '-c', '(dd bs=5000 count=999; cat) </root/f']],
  ])('reaches a client that reads by fits and starts, %s', async (_, command) => {
    const [id, stdout] = await begin(command);
    const gone = stdout.closed.then(() => true);
    while (!(await Promise.race([gone, sleep(1, false)]))) {
      stdout.ws.pause();
      await sleep(3);
      stdout.ws.resume();
    }
    expect((await ended(id)).metadata).toMatchObject({ return: 0 });
    expect(createHash('sha256').update(stdout.bytes).digest('hex')).toBe(sum);
  });

  test.each([
    ['output', 'seq 1 1000000; exit $?'],
    ['error output', 'exec >&2; seq 1 1000000; exit $?'],
  ])('that nobody reads any more ends the command as a pipe would, %s', async (_, script) => {
    const program = ['"$0" "$1" exec m -- sh -c "$2" 2>&1 | head -1; echo "${PIPESTATUS[0]}"'];
    const words = ['-c', ...program, process.execPath, cli, script];
    const result = await runProgram('bash', words, { env: { WARREN_DIR: warren.dir } });
    expect(result).toMatchObject({ stdout: '1\n141\n', stderr: '' });
  });

  test('that its client closes is closed, and the exit status still comes', async () => {
    const [id, stdout] = await begin(['sh', '-c', 'cat /dev/zero; echo $? >&2; exit 9']);
    await stdout.until(() => stdout.frames.length > 0);
    stdout.ws.close(1000);
    expect((await ended(id)).metadata).toMatchObject({ return: 9 });
  });

  test('that has no end leaves nothing behind when its client goes', async () => {
    const daemon = await warren.daemonPid();
    const descriptors = (): number => readdirSync(`/proc/${daemon}/fd`).length;
    const before = descriptors();
    for (let i = 0; i < 10; i++) {
      const [id, stdout, sockets] = await begin(['cat', '/dev/zero']);
      await stdout.until(() => stdout.frames.length > i);
      if (i % 2 === 0) stdout.ws.pause();
      await sleep(20);
      for (const { ws } of sockets) ws.terminate();
      expect((await ended(id)).metadata).toMatchObject({ return: 137 });
    }
    await eventually(() => {
      expect(descriptors()).toBeLessThanOrEqual(before);
    });
    expect(await warren.ok(['exec', 'm', '--', 'ps', '-o', 'args'])).not.toContain('/dev/zero');
  });
});
