import { afterAll, beforeAll, describe, expect } from 'vitest';

import { provideImage } from '../helpers/images.ts';
import { needs } from '../helpers/needs.ts';
import { eventually, openWarren, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'mirror');

/** Image, and the program that process 1 runs. */
const inits = [
  ['debian/12', '/usr/lib/systemd/systemd'],
  ['debian/12/sysvinit', '/usr/sbin/init'],
  ['debian/12/openrc', '/usr/sbin/openrc-init'],
  ['debian/12/runit', '/usr/sbin/runit'],
  ['busybox', '/bin/busybox'],
] as const;

// One warren for all: building and shutting down is mostly waiting, which then is shared.
describe('the machine of each image', () => {
  let warren: Warren;

  beforeAll(async () => {
    warren = openWarren();
    await Promise.all(
      inits.map(async ([image]) => {
        if (image !== 'busybox') await provideImage(warren, image);
        await warren.ok(['launch', image, nameOf(image)]);
      }),
    );
  }, 1_200_000);

  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  const inside = (name: string, ...command: string[]): Promise<string> =>
    warren.ok(['exec', name, '--', ...command]);

  /**
   * Whoever waits for an address waits until init is past its own start and can be asked things.
   */
  const untilAddress = (name: string): Promise<void> =>
    eventually(async () => {
      expect(await inside(name, 'ip', '-4', 'addr', 'show', 'eth0')).toMatch(/inet 10\.77\./);
    }, 60_000);

  const bootId = (name: string): Promise<string> =>
    inside(name, 'cat', '/proc/sys/kernel/random/boot_id');

  test.each(inits)('%s runs %s as process 1 and gets an address', async (image, program) => {
    const name = nameOf(image);
    expect((await inside(name, 'readlink', '/proc/1/exe')).trim()).toBe(program);
    await untilAddress(name);
  });

  test('come back from a reboot from inside', async () => {
    await onEach(async (name) => {
      const before = await bootId(name);
      // Its own end may come before the answer to the command.
      await warren.run(['exec', name, '--', 'reboot']);
      await eventually(async () => {
        expect(await bootId(name)).not.toBe(before);
      }, 60_000);
      await untilAddress(name);
    });
  });

  test('shut down by themselves within the time they are given', async () => {
    await onEach(async (name) => {
      await warren.ok(['stop', name, '--timeout', '30']);
      expect(await warren.ok(['info', name])).toMatch(/stopped, halted/);
    });
  });

  test('start again', async () => {
    await onEach(async (name) => {
      await warren.ok(['start', name]);
      await untilAddress(name);
    });
  });
});

function nameOf(image: string): string {
  return image.split('/').at(2) ?? image.replace('/12', '');
}

/** All at once; an error names its machine. */
async function onEach(act: (name: string) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(inits.map(([image]) => act(nameOf(image))));
  const failures = results.flatMap((result, index) =>
    result.status === 'rejected' ? [`${inits[index]?.[0] ?? ''}: ${String(result.reason)}`] : [],
  );
  expect(failures).toEqual([]);
}
