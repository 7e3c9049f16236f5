import Sqlite from 'better-sqlite3';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import type { U0Record } from '../../src/contract/keeper.ts';
import { needs } from '../helpers/needs.ts';
import { eventually, openWarren, processesUnder, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'cgroup');

interface Row {
  readonly name: string;
  readonly status: string;
  readonly state: {
    readonly warren: { readonly started_at: string | null; readonly last_exit: string | null };
  };
}

/**
 * What a power cut leaves: everything of this warren is killed at once, and its database speaks of
 * another boot of the host.
 */
async function cutPower(warren: Warren): Promise<void> {
  const { cgroupDir } = JSON.parse(readFileSync(join(warren.dir, 'u0.json'), 'utf8')) as U0Record;
  if (cgroupDir === undefined) throw new Error('this warren has no cgroup of its own');
  writeFileSync(join(cgroupDir, 'cgroup.kill'), '1');
  await eventually(() => {
    expect(processesUnder(warren.dir)).toEqual([]);
  });
  const database = new Sqlite(join(warren.dir, 'warren.db'));
  const earlier = '00000000-0000-4000-8000-000000000000';
  database.prepare('UPDATE instances SET run_boot_id = ? WHERE run_pid IS NOT NULL').run(earlier);
  database.prepare("UPDATE facts SET value = ? WHERE key = 'session'").run(`${earlier} 1 1`);
  database.close();
}

describe('when the host restarts', () => {
  let warren: Warren;

  beforeAll(async () => {
    warren = openWarren();
    const machines: Readonly<Record<string, readonly string[]>> = {
      ran: ['launch'],
      forbidden: ['launch', '-c', 'boot.autostart=false'],
      rested: ['init'],
      first: ['init', '-c', 'boot.autostart=true', '-c', 'boot.autostart.priority=10'],
      second: [
        ...['init', '-c', 'boot.autostart=true', '-c', 'boot.autostart.priority=5'],
        ...['-c', 'boot.autostart.delay=1'],
      ],
    };
    for (const [name, [verb = '', ...options]] of Object.entries(machines)) {
      await warren.ok([verb, 'busybox', name, ...options]);
    }
    await cutPower(warren);
  });

  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  test('what should run is started, in its order, and the rest says why it is stopped', async () => {
    const rows = async (): Promise<Readonly<Record<string, Row>>> =>
      Object.fromEntries((await warren.json<Row[]>(['list'])).map((row) => [row.name, row]));
    await eventually(async () => {
      expect((await rows())['ran']?.status).toBe('Running');
    });
    const after = await rows();
    const status = Object.fromEntries(Object.values(after).map((row) => [row.name, row.status]));
    expect(status).toEqual({
      first: 'Running',
      second: 'Running',
      ran: 'Running',
      forbidden: 'Stopped',
      rested: 'Stopped',
    });
    expect(after['forbidden']?.state.warren.last_exit).toBe('stopped by a restart of the host');
    const startedAt = (name: string): number =>
      Date.parse(after[name]?.state.warren.started_at ?? '');
    expect(startedAt('first')).toBeLessThan(startedAt('second'));
    // Its own delay, a second, keeps the next waiting.
    expect(startedAt('ran') - startedAt('second')).toBeGreaterThanOrEqual(1000);
  });

  test('a daemon that is merely replaced starts nothing', async () => {
    await warren.ok(['stop', '--force', 'first']);
    const before = await warren.daemonPid();
    process.kill(before, 'SIGKILL');
    await eventually(async () => {
      expect(await warren.daemonPid()).not.toBe(before);
    });
    const [row] = await warren.json<Row[]>(['list', 'first']);
    expect(row?.status).toBe('Stopped');
  });
});
