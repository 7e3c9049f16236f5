import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { leftovers, type Leftovers } from '../helpers/leftovers.ts';
import { needs } from '../helpers/needs.ts';
import { eventually, openWarren, type CommandResult, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'mirror');

describe('a build of an image that does not come to its end', () => {
  let warren: Warren;
  let before: Leftovers;

  beforeAll(async () => {
    warren = openWarren();
    await warren.ok(['list']);
    before = leftovers(warren);
  });

  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  /** Returns once packages are being installed into a directory. */
  async function beginBuild(): Promise<{ readonly ended: Promise<CommandResult> }> {
    const ended = warren.run(['init', 'debian/12/minimal', 'm']);
    await eventually(() => {
      const [layer = ''] = files('layers');
      expect(readdirSync(join(warren.dir, 'layers', layer))).toContain('etc');
      expect(leftovers(warren).guests).not.toEqual(before.guests);
    }, 60_000);
    return { ended };
  }

  const files = (directory: string): string[] => readdirSync(join(warren.dir, directory));

  function expectNothing(): void {
    expect(leftovers(warren)).toEqual(before);
    expect([files('layers'), files('images')]).toEqual([[], []]);
  }

  test('leaves no process when the daemon is killed, and no file once there is another', async () => {
    const { ended } = await beginBuild();
    const pid = await warren.daemonPid();
    process.kill(pid, 'SIGKILL');
    expect((await ended).exitCode).toBeGreaterThan(0);
    await eventually(async () => {
      expect(await warren.daemonPid()).not.toBe(pid);
      expectNothing();
    });
    expect(await warren.json<unknown[]>(['list'])).toEqual([]);
  });

  test('leaves nothing when the daemon is told to stop', async () => {
    const { ended } = await beginBuild();
    await warren.ok(['daemon', 'stop', '--purge']);
    expect((await ended).exitCode).toBeGreaterThan(0);
    expect([files('layers'), files('images')]).toEqual([[], []]);
  });
});
