import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import type { DoctorReport } from '../../src/contract/doctor.ts';
import { openKeeperGround, type KeeperGround } from '../helpers/keeper.ts';
import { needs } from '../helpers/needs.ts';
import { processesUnder, runProgram, type CommandResult } from '../helpers/warren.ts';

const test = needs('userns');

/*
 * Hosts that lack something, made of this one: warren-host runs in a user and mount namespace of
 * its own in which a file is covered or a cap is lowered. It is not real root there.
 */
let ground: KeeperGround;
let place: string;

beforeAll(async () => {
  ground = await openKeeperGround();
  place = mkdtempSync(join(homedir(), 'k-'));
});
afterAll(async () => {
  rmSync(place, { recursive: true, force: true });
  await ground[Symbol.asyncDispose]();
});

/** `warren-host ARGS` on a host that `spoil`, a shell line, has spoilt. */
async function onSpoiltHost(spoil: string, ...args: readonly string[]): Promise<CommandResult> {
  const hostProgram = join(ground.dir, '../bin/warren-host.js');
  return await runProgram(
    'unshare',
    [
      ...['--user', '--map-root-user', '--mount', 'sh', '-c', `${spoil} && exec "$@"`, 'sh'],
      ...[process.execPath, hostProgram, ...args],
    ],
    { env: { WARREN_DIR: join(place, 'w'), HOME: place } },
  );
}

function errorOf({ stderr }: CommandResult): unknown {
  return (JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as { error: unknown }).error;
}

function expectNothingLeft(): void {
  expect(processesUnder(place)).toEqual([]);
  expect(readdirSync(join(place, 'w')).sort()).toEqual(['keeper.lock', 'logs', 'start.lock']);
}

describe('start on a host that', () => {
  test('grants no subordinate ids says which line grants them', async () => {
    const result = await onSpoiltHost(
      'mount --bind /dev/null /etc/subuid && mount --bind /dev/null /etc/subgid',
      'start',
    );
    expect(result.exitCode).toBe(12);
    expect(errorOf(result)).toMatchObject({
      code: 'host_lacks',
      details: {
        found: expect.stringMatching(/subuid and .*subgid have no range for "root"/) as string,
        hint: 'sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 root',
      },
    });
    expectNothingLeft();
  });

  test('has no user namespaces left says which setting is to blame', async () => {
    const result = await onSpoiltHost(
      'echo 0 >/proc/sys/user/max_user_namespaces && mount -t tmpfs t /mnt && printf "root:200000:65536\\n" >/mnt/s && mount --bind /mnt/s /etc/subuid && mount --bind /mnt/s /etc/subgid',
      'start',
    );
    expect(errorOf(result)).toMatchObject({
      code: 'host_lacks',
      details: {
        found: 'user.max_user_namespaces is 0',
        hint: 'sudo sysctl -w user.max_user_namespaces=15000',
      },
    });
    expectNothingLeft();
  });

  test('lets newuidmap do nothing says what it wants of it, and leaves no process', async () => {
    const result = await onSpoiltHost(
      'mount -t tmpfs t /mnt && printf "root:200000:65536\\n" >/mnt/s && mount --bind /mnt/s /etc/subuid && mount --bind /mnt/s /etc/subgid',
      'start',
    );
    expect(result.exitCode).toBe(12);
    expect(errorOf(result)).toMatchObject({
      code: 'host_lacks',
      details: {
        what: 'map your subordinate ids',
        found: expect.stringContaining('newuidmap') as string,
      },
    });
    expectNothingLeft();
  });
});

describe('doctor', () => {
  test('finds what this host has, each with a line', async () => {
    const { stdout, exitCode } = await ground.host(['doctor', '--format', 'json']);
    const report = JSON.parse(stdout) as DoctorReport;
    expect(exitCode).toBe(report.canRun ? 0 : 12);
    expect(report.checks.map(({ name }) => name)).toContain('subids');
    expect(report.checks.find(({ name }) => name === 'userns')?.level).toBe('ok');
    for (const { level, remedy, summary, name } of report.checks) {
      expect(summary, name).not.toMatch(/the check itself failed|\n/);
      if (level === 'missing') expect(remedy, name).toBeDefined();
    }
  });

  test('fails with the remedy when machines cannot run', async () => {
    const result = await onSpoiltHost(
      'mount --bind /dev/null /etc/subuid && mount --bind /dev/null /etc/subgid',
      'doctor',
      'subids',
      '--format',
      'json',
    );
    expect(result.exitCode).toBe(12);
    const report = JSON.parse(result.stdout) as DoctorReport;
    expect(report).toMatchObject({
      canRun: false,
      checks: [{ name: 'subids', level: 'missing', vital: true }],
    });
    expect(report.checks[0]?.remedy).toMatch(/^sudo usermod --add-subuids/);
  });

  test('does not know a topic and names the nearest', async () => {
    const result = await ground.host(['doctor', 'cgruop']);
    expect(result.exitCode).toBe(4);
    expect(errorOf(result)).toMatchObject({ details: { nearest: 'cgroup' } });
  });

  test('mounts an overlay where machines will lie, and leaves nothing behind', async () => {
    mkdirSync(ground.dir, { recursive: true });
    const { stdout } = await ground.host(['doctor', 'overlay', '--format', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({ checks: [{ name: 'overlay', level: 'ok' }] });
    expect(readdirSync(ground.dir)).toEqual([]);
  });
});
