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

describe('inotify instances, which the kernel caps for all machines of a user', () => {
  let warren: Warren;

  beforeAll(async () => {
    warren = openWarren();
    await provideImage(warren, 'debian/12/minimal');
    await warren.ok(['launch', 'debian/12/minimal', 'fits']);
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
  function setCap(instances: number): void {
    const file = '/proc/sys/user/max_inotify_instances';
    inNamespace(warren.keeperPid(), 'sh', ['-c', `echo ${instances} >${file}`]);
  }

  test('suffice for the first machine, without a warning', async () => {
    await eventually(async () => {
      expect(await bootOf('fits')).toBe('booted');
    });
    expect(await warnings()).toEqual([]);
  });

  test('one machine too many is warned about when it starts, and listed as degraded', async () => {
    const used = countInotify(warren.keeperPid());
    expect(used).toBeGreaterThan(4);
    // Enough for init itself, too little for its services.
    setCap(used + 5);
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
    expect(await bootOf('fits')).toBe('booted');
  });

  test('a higher cap heals it at its next start', async () => {
    setCap(1000);
    const { exitCode, stderr } = await warren.run(['restart', 'beyond']);
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
