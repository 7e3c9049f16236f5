import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';

import { forEachInOrder, forEachName } from '../../../src/cli/together.ts';

test('many names are done a few at a time, and all of them', async () => {
  const names = Array.from({ length: 500 }, (_, index) => `m${index}`);
  let [running, most] = [0, 0];
  const done = await forEachName(names, async (name) => {
    most = Math.max(most, ++running);
    await sleep(1);
    running -= 1;
    return name;
  });
  expect(done).toEqual(names);
  expect(most).toBeLessThanOrEqual(64);
});

test('what fails keeps nothing else from being tried', async () => {
  const tried: string[] = [];
  const work = async (name: string): Promise<void> => {
    tried.push(name);
    await Promise.resolve();
    if (name !== 'b') throw new Error(name);
  };
  await expect(forEachName(['a', 'b', 'b', 'c'], work)).rejects.toMatchObject({
    errors: [{ message: 'a' }, { message: 'c' }],
  });
  expect(tried).toEqual(['a', 'b', 'c']);
  await expect(forEachName(['a', 'b'], work)).rejects.toThrow('a');
});

test('what builds on what came before is done in order', async () => {
  const log: string[] = [];
  const work = async (name: string): Promise<void> => {
    log.push(`begin ${name}`);
    await sleep(name === 'a' ? 5 : 0);
    log.push(`end ${name}`);
    if (name === 'a') throw new Error(name);
  };
  await expect(forEachInOrder(['a', 'b'], work)).rejects.toThrow('a');
  expect(log).toEqual(['begin a', 'end a', 'begin b', 'end b']);
});
