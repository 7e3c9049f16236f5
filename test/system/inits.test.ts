import { afterAll, beforeAll, describe, expect } from 'vitest';

import { provideImage } from '../helpers/images.ts';
import { needs } from '../helpers/needs.ts';
import { eventually, openWarren, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'mirror');

/** Image, and what process 1 calls itself. */
const inits = [
  ['debian/12/minimal', 'systemd'],
  ['debian/12/sysvinit', 'init'],
  ['debian/12/openrc', 'openrc-init'],
  ['debian/12/runit', 'runit'],
  ['busybox', 'init'],
] as const;

describe.each(inits)('%s', (image, comm) => {
  let warren: Warren;

  beforeAll(async () => {
    warren = openWarren();
    await provideImage(warren, image);
    await warren.ok(['launch', image, 'm']);
  }, 480_000);

  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  const inside = (...command: string[]): Promise<string> =>
    warren.ok(['exec', 'm', '--', ...command]);
  const state = async (): Promise<string | undefined> =>
    (await warren.json<{ status: string }[]>(['list']))[0]?.status;

  test('runs its init', async () => {
    expect((await inside('cat', '/proc/1/comm')).trim()).toBe(comm);
  });

  test('gets an address', async () => {
    await eventually(async () => {
      expect(await inside('ip', '-4', 'addr', 'show', 'eth0')).toMatch(/inet 10\.77\./);
    }, 30_000);
  });

  test('comes back from a reboot from inside', async () => {
    const before = await inside('cat', '/proc/sys/kernel/random/boot_id');
    await warren.run(['exec', 'm', '--', 'reboot']);
    await eventually(async () => {
      expect(await inside('cat', '/proc/sys/kernel/random/boot_id')).not.toBe(before);
    }, 60_000);
  });

  test('shuts down cleanly, by itself and well within the time it is given', async () => {
    // Init must be past its own start before it can be asked anything.
    await eventually(async () => {
      expect(await inside('ip', '-4', 'addr', 'show', 'eth0')).toMatch(/inet 10\.77\./);
    }, 30_000);
    const { exitCode, ms } = await warren.run(['stop', 'm', '--timeout', '30']);
    expect(exitCode).toBe(0);
    expect(ms).toBeLessThan(30_000);
    expect(await state()).toBe('Stopped');
    expect(await warren.ok(['info', 'm'])).toContain('halted');
  });

  test('starts again', async () => {
    await warren.ok(['start', 'm']);
    expect(await state()).toBe('Running');
  });
});
