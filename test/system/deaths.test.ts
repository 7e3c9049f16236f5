import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { killGuest, leftovers } from '../helpers/leftovers.ts';
import { needs } from '../helpers/needs.ts';
import { eventually, openWarren, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');

interface Row {
  readonly name: string;
  readonly status: string;
}

const statusOf = async (warren: Warren, name: string): Promise<string | undefined> =>
  (await warren.json<Row[]>(['list'])).find((row) => row.name === name)?.status;

describe('when the daemon is killed', () => {
  let warren: Warren;

  beforeAll(async () => {
    warren = openWarren();
    for (const name of ['stays', 'halts', 'reboots', 'crashes']) {
      await warren.ok(['launch', 'busybox', name]);
    }
  });

  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  test('machines go on, and the next daemon knows what became of each', async () => {
    const bootId = (name: string): Promise<string> =>
      warren.ok(['exec', name, '--', 'cat', '/proc/sys/kernel/random/boot_id']);
    const pidBefore = await warren.daemonPid();
    const staysBefore = await bootId('stays');
    const rebootsBefore = await bootId('reboots');
    // Their ends come while no daemon is there to see them.
    for (const [name, command] of [
      ['halts', 'poweroff'],
      ['reboots', 'reboot'],
    ] as const) {
      await warren.ok([
        ...['exec', name, '--', 'sh', '-c'],
        `(sleep 1; ${command}) >/dev/null 2>&1 </dev/null &`,
      ]);
    }
    const [crashing] = await warren.json<{ state: { pid: number } }[]>(['list', 'crashes']);
    process.kill(pidBefore, 'SIGKILL');
    killGuest(warren.keeperPid(), crashing?.state.pid ?? 0);
    await sleep(2500);

    await eventually(async () => {
      expect(await warren.daemonPid()).not.toBe(pidBefore);
      expect(await statusOf(warren, 'stays')).toBe('Running');
      expect(await statusOf(warren, 'halts')).toBe('Stopped');
      expect(await statusOf(warren, 'reboots')).toBe('Running');
      expect(await statusOf(warren, 'crashes')).toBe('Stopped');
    });
    expect(await bootId('stays')).toBe(staysBefore);
    await eventually(async () => {
      expect(await bootId('reboots')).not.toBe(rebootsBefore);
    });
    expect(await warren.ok(['info', 'halts'])).toContain('halted');
    expect(await warren.ok(['info', 'crashes'])).toMatch(/crashed|killed/);
  });

  test('a snapshot that was just taken has its size all the same, from the next one', async () => {
    const pidBefore = await warren.daemonPid();
    await warren.ok(['snapshot', 'stays', 's0']);
    process.kill(pidBefore, 'SIGKILL');
    await eventually(async () => {
      expect(await warren.daemonPid()).not.toBe(pidBefore);
      const snapshot = await warren.ok(['query', '/1.0/instances/stays/snapshots/s0']);
      expect((JSON.parse(snapshot) as { size: number }).size).toBeGreaterThan(0);
    });
  });

  test('one that was stopped is not started by asking after it, nor by stopping it again', async () => {
    await warren.ok(['daemon', 'stop']);
    for (const verb of ['status', 'stop', 'status']) {
      const { exitCode, stdout } = await warren.run(['daemon', verb]);
      expect(exitCode).toBe(verb === 'status' ? 3 : 0);
      if (verb === 'status') expect(stdout).toContain(`keeper ${warren.keeperPid()}`);
    }
    expect(await statusOf(warren, 'stays')).toBe('Running');
    expect((await warren.run(['daemon', 'status'])).exitCode).toBe(0);
  });

  test('a machine it left behind can be used and stopped as before', async () => {
    const pid = await warren.daemonPid();
    process.kill(pid, 'SIGKILL');
    expect(await warren.ok(['exec', 'stays', '--', 'echo', 'here'])).toBe('here\n');
    expect((await warren.run(['console', '--show-log', 'stays'])).exitCode).toBe(0);
    await warren.ok(['stop', 'stays']);
    expect(await statusOf(warren, 'stays')).toBe('Stopped');
    await warren.ok(['start', 'stays']);
    expect(await warren.ok(['exec', 'stays', '--', 'echo', 'again'])).toBe('again\n');
  });
});

describe('when the keeper is killed', () => {
  let warren: Warren;

  beforeAll(async () => {
    warren = openWarren();
    await warren.ok(['launch', 'busybox', 'stays']);
    await warren.ok(['launch', 'busybox', 'ends']);
  });

  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  test('machines go on; an end nobody could see is "reason unknown"', async () => {
    const boot = await warren.ok(['exec', 'stays', '--', 'cat', '/proc/sys/kernel/random/boot_id']);
    const rows = await warren.json<{ name: string; state: { pid: number } }[]>(['list']);
    const ending = rows.find(({ name }) => name === 'ends')?.state.pid ?? 0;
    const daemon = await warren.daemonPid();
    process.kill(warren.keeperPid(), 'SIGKILL');
    killGuest(daemon, ending);
    process.kill(daemon, 'SIGKILL');
    await sleep(500);

    await eventually(async () => {
      expect(await statusOf(warren, 'stays')).toBe('Running');
      expect(await statusOf(warren, 'ends')).toBe('Stopped');
    });
    expect(await warren.ok(['exec', 'stays', '--', 'cat', '/proc/sys/kernel/random/boot_id'])).toBe(
      boot,
    );
    expect(await warren.ok(['info', 'ends'])).toContain('reason unknown');
    await warren.ok(['stop', 'stays']);
    await warren.ok(['start', 'stays']);
  });
});

describe('when the daemon is killed at random moments', () => {
  test('every machine is listed truthfully, can be deleted, and leaves nothing behind', async () => {
    await using warren = openWarren();
    await warren.ok(['launch', 'busybox', 'first']);
    await warren.ok(['delete', '--force', 'first']);
    const before = leftovers(warren);

    for (let round = 0; round < 10; round++) {
      const pid = await warren.daemonPid();
      // A machine being deleted, one being stopped and one being launched when the blow falls.
      await warren.ok(['launch', 'busybox', 'deleted']);
      await warren.ok(['launch', 'busybox', 'stopped']);
      const work = [
        warren.run(['delete', '--force', 'deleted']),
        warren.run(['stop', 'stopped']),
        warren.run(['launch', 'busybox', 'launched']),
      ];
      await sleep(Math.random() * 250);
      process.kill(pid, 'SIGKILL');
      await Promise.all(work);

      const list = (): Promise<{ name: string; status: string; state: { pid: number } }[]> =>
        warren.json(['list']);
      for (const { name } of await list()) {
        // The one that was asked to stop may halt between the question and the trial.
        await eventually(async () => {
          const row = (await list()).find((each) => each.name === name);
          const runs = (await warren.run(['exec', name, '--', 'true'])).exitCode === 0;
          expect(runs, `${name} is said to be ${row?.status} in round ${round}`).toBe(
            row?.status === 'Running',
          );
          expect((row?.state.pid ?? 0) > 0, name).toBe(runs);
        });
        await warren.ok(['delete', '--force', name]);
      }
      expect(await warren.json(['list'])).toEqual([]);
      await eventually(() => {
        expect(leftovers(warren)).toEqual(before);
      });
    }
  }, 600_000);
});
