import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { provideImage } from '../helpers/images.ts';
import { inNamespace } from '../helpers/leftovers.ts';
import { needs } from '../helpers/needs.ts';
import { eventually, openWarren, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'mirror');

interface Row {
  readonly name: string;
  readonly state: { readonly warren: { readonly boot: string } };
}

/** What Debian and Ubuntu leave it at; a host with more is held to it here, so that this ends. */
const usualCap = 128;

describe('inotify instances, which the kernel caps for all machines of a user', () => {
  let warren: Warren;
  const fitting: string[] = [];

  beforeAll(async () => {
    warren = openWarren();
    await provideImage(warren, 'debian/12/minimal');
    await warren.ok(['launch', 'debian/12/minimal', 'fits0']);
    fitting.push('fits0');
    setCap(Math.min(usualCap, readCap()));
  }, 480_000);

  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  const bootOf = async (name: string): Promise<string | undefined> =>
    (await warren.json<Row[]>(['list'])).find((row) => row.name === name)?.state.warren.boot;
  const warnings = async (): Promise<string[]> =>
    (await warren.json<{ type: string; last_message: string }[]>(['warning', 'list']))
      .filter(({ type }) => type === 'Inotify instances run out')
      .map(({ last_message: message }) => message);

  /** The kernel's cap for this warren's user namespace alone: the host's stays as it is. */
  const capFile = '/proc/sys/user/max_inotify_instances';
  function setCap(instances: number): void {
    inNamespace(warren.keeperPid(), 'sh', ['-c', `echo ${instances} >${capFile}`]);
  }
  const readCap = (): number => Number(inNamespace(warren.keeperPid(), 'cat', [capFile]));

  test('machines are launched up to the cap, and each boots without a warning', async () => {
    const cap = readCap();
    const used = countInotify(warren.keeperPid());
    expect(used).toBeGreaterThan(4);
    while (cap - countInotify(warren.keeperPid()) >= used + 1) {
      const name = `fits${fitting.length}`;
      const { exitCode, stderr } = await warren.run(['launch', 'debian/12/minimal', name]);
      expect({ name, exitCode, stderr }).toEqual({ name, exitCode: 0, stderr: '' });
      fitting.push(name);
    }
    expect(fitting.length).toBeGreaterThan(cap / (used + 1) - 2);
    for (const name of fitting) {
      await eventually(async () => {
        expect(await bootOf(name)).toBe('booted');
      });
    }
    expect(await warnings()).toEqual([]);
  });

  test('one machine beyond is warned about when it starts, and listed as degraded', async () => {
    // Enough for init itself, too little for its services.
    setCap(countInotify(warren.keeperPid()) + 5);
    const { exitCode, stderr } = await warren.run(['launch', 'debian/12/minimal', 'beyond']);
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /warning: beyond may come up degraded: .*fs\.inotify\.max_user_instances/,
    );
    await eventually(async () => {
      expect(await bootOf('beyond')).toBe('degraded');
    });
    expect(await warren.ok(['list'])).toMatch(/^beyond +degraded /m);
    expect(await warren.ok(['info', 'beyond'])).toContain('degraded');
    expect(await warnings()).toEqual([expect.stringMatching(/^beyond came up degraded: /)]);
    expect(await bootOf('fits0')).toBe('booted');
  });

  test('one whose init waits for ever for what it cannot watch is listed as degraded', async () => {
    await warren.ok(['stop', '--force', 'beyond']);
    // Enough for init to come to its first units.
    setCap(countInotify(warren.keeperPid()) + 1);
    const { exitCode, stdout, stderr } = await warren.run(['start', 'beyond']);
    expect(stderr).toMatch(/warning: beyond may come up degraded: /);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringContaining('beyond is degraded') as string,
    });
    expect(await warren.ok(['list'])).toMatch(/^beyond +degraded /m);
    expect(await warren.ok(['exec', 'beyond', '--', 'systemctl', 'list-jobs'])).toContain(
      'waiting',
    );
  });

  test('one whose init finds none at all is said to have crashed, and how', async () => {
    await warren.ok(['stop', '--force', 'beyond']);
    setCap(countInotify(warren.keeperPid()));
    const { exitCode, stderr } = await warren.run(['start', 'beyond']);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain('fs.inotify.max_user_instances');
    expect(stderr).toContain(
      'error: Cannot wait for beyond: it is stopped (crashed (exit status 255))',
    );
  });

  test('a higher cap heals it at its next start', async () => {
    setCap(1000);
    // The host's own still counts: somebody makes room.
    await warren.ok(['stop', ...fitting.slice(1, 4)]);
    const { exitCode, stderr } = await warren.run(['start', 'beyond']);
    expect(exitCode).toBe(0);
    expect(stderr).not.toContain('degraded');
    const state = ['exec', 'beyond', '--', 'systemctl', 'is-system-running', '--wait'];
    expect(await warren.ok(state)).toBe('running\n');
    expect(await bootOf('beyond')).toBe('booted');
    expect(await warnings()).toEqual([]);
  });
});

/** Inotify instances that machines have open, as root of their common namespace sees them. */
function countInotify(keeper: number): number {
  const search = 'find /proc/[0-9]*/fd -lname anon_inode:inotify 2>/dev/null || true';
  const pids = inNamespace(keeper, 'sh', ['-c', search]).match(/(?<=^\/proc\/)\d+/gm) ?? [];
  return pids.filter((pid) => uidOf(pid) !== process.getuid?.()).length;
}

function uidOf(pid: string): number {
  return Number(/^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
