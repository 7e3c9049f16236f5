import { afterAll, beforeAll, expect } from 'vitest';

import { catalogue } from '../../src/contract/errors.ts';
import { needs } from '../helpers/needs.ts';
import { eventually, openWarren, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');

let warren: Warren;
beforeAll(async () => {
  warren = openWarren();
  await warren.ok(['launch', 'busybox', 'a']);
  await warren.ok(['config', 'device', 'override', 'a', 'root', 'size=8MiB']);
});
afterAll(async () => {
  await warren[Symbol.asyncDispose]();
});

const write = (name: string, mib: number): Promise<string> =>
  warren.ok([
    'exec',
    'a',
    '--',
    'dd',
    'if=/dev/urandom',
    `of=/root/${name}`,
    'bs=1M',
    `count=${mib}`,
  ]);

test('a size of the root disk counts what a machine keeps with its snapshots, and refuses more', async () => {
  await write('one', 3);
  await warren.ok(['snapshot', 'a', 's']);
  expect(await warren.ok(['info', 'a'])).toMatch(/storage .* size 8 MiB \(soft\)/);
  await warren.ok(['copy', 'a', 'b']);
  await write('two', 4);
  await eventually(async () => {
    expect(await warren.ok(['info', 'a'])).toMatch(
      /1\d MiB of its own .* \(soft, beyond it: no snapshots/,
    );
  });
  for (const words of [
    ['snapshot', 'a', 't'],
    ['copy', 'a', 'c'],
  ]) {
    const { exitCode, stderr } = await warren.run(words);
    expect({ exitCode, stderr }).toEqual({
      exitCode: catalogue.no_space.exit,
      stderr: expect.stringMatching(
        /no space left on the root disk of \w: [\d.]+ MiB of (?:its|a's) own, size is 8 MiB\ntry: {3}warren snapshot list a /,
      ) as string,
    });
  }
  expect(await warren.ok(['warning', 'list'])).toMatch(/a keeps 1\d MiB of its own/);
  // More room, and back within it: both end it.
  await warren.ok(['config', 'device', 'set', 'a', 'root', 'size=16MiB']);
  await warren.ok(['snapshot', 'a', 't']);
});
