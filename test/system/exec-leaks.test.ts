import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { eventually, openWarren, processesUnder, type Warren } from '../helpers/warren.ts';
import { ApiClient, type TestSocket } from '../integration/client.ts';

import type { Operation } from '../../src/contract/api/operations.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');
const atOnce = 10;

describe('commands in a machine, many of them', () => {
  let warren: Warren;
  let api: ApiClient;
  let daemon: number;

  beforeAll(async () => {
    warren = openWarren();
    await warren.ok(['launch', 'busybox', 'm']);
    api = new ApiClient(join(warren.dir, 'unix.socket'));
    daemon = await warren.daemonPid();
  });
  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  interface Exec {
    readonly id: string;
    readonly sockets: readonly TestSocket[];
  }

  const begin = async (command: readonly string[], streams: readonly string[]): Promise<Exec> => {
    const interactive = !streams.includes('1');
    const body = { command, 'wait-for-websocket': true, interactive };
    const { json } = await api.call('POST', '/1.0/instances/m/exec', body);
    const { id, metadata } = json.metadata as Operation;
    const { fds } = metadata as { fds: Record<string, string> };
    const sockets = streams.map((name) =>
      api.websocket(`/1.0/operations/${id}/websocket?secret=${fds[name] ?? ''}`),
    );
    return { id, sockets };
  };

  /** As many of `count` as `atOnce` allows run side by side. */
  const many = async (count: number, one: (index: number) => Promise<void>): Promise<void> => {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) await one(next++);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  };

  const descriptors = (): number => readdirSync(`/proc/${daemon}/fd`).length;
  const settled = (): Promise<void> =>
    eventually(async () => {
      const byStatus = await api.get<Record<string, unknown[]>>('/1.0/operations');
      expect(Object.keys(byStatus).filter((status) => status !== 'success')).toEqual([]);
    }, 30_000);
  /** Of the guest: what a client left running would be among them. */
  const inside = async (): Promise<string> => warren.ok(['exec', 'm', '--', 'ps', '-o', 'args']);

  const runOne = async (index: number): Promise<void> => {
    const { id, sockets } = await begin(['echo', `${index}`], ['control', '0', '1', '2']);
    const { metadata, err } = await api.get<Operation>(`/1.0/operations/${id}/wait?timeout=60`);
    expect({ ...metadata, err }).toMatchObject({ return: 0, err: '' });
    await Promise.all(sockets.map(({ closed }) => closed));
    expect(sockets[2]?.text).toBe(`${index}\n`);
  };

  /** The client is gone at a moment that differs from run to run. */
  const abortOne = async (index: number): Promise<void> => {
    const isTerminal = index % 2 === 0;
    // A client need not have a control socket, as pylxd has none.
    const pipes = index % 4 === 1 ? ['0', '1', '2'] : ['control', '0', '1', '2'];
    const streams = isTerminal ? ['control', '0'] : pipes;
    // Every fifth loses its client before all its sockets are there.
    const connected = index % 5 === 0 ? streams.slice(0, -1) : streams;
    const { sockets } = await begin(['sleep', '4321'], connected.length < 2 ? streams : connected);
    if (index % 3 !== 0) await Promise.all(sockets.map(({ opened }) => opened.catch(() => null)));
    await sleep(index % 7);
    for (const { ws } of sockets) ws.terminate();
  };

  test('leave no descriptor, operation or process behind, be they ended or left alone', async () => {
    await many(20, runOne);
    await many(20, abortOne);
    await settled();
    const before = { descriptors: descriptors(), processes: processesUnder(warren.dir).length };
    await many(500, runOne);
    await many(200, abortOne);
    await eventually(async () => {
      expect(await inside()).not.toContain('4321');
    }, 60_000);
    // What was cancelled or failed is told of for ten seconds more.
    await settled();
    await eventually(() => {
      expect(descriptors()).toBeLessThanOrEqual(before.descriptors);
      expect(processesUnder(warren.dir).length).toBeLessThanOrEqual(before.processes);
    });
  });
});
