import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';

import { KeyedMutex, Mutex } from '../../../src/base/mutex.ts';

test('Mutex lets one holder in at a time, in order', async () => {
  const mutex = new Mutex();
  const order: string[] = [];
  const work = async (name: string, ms: number): Promise<void> => {
    using _held = await mutex.hold();
    order.push(`${name} in`);
    await sleep(ms);
    order.push(`${name} out`);
  };
  await Promise.all([work('a', 20), work('b', 1), work('c', 1)]);
  expect(order).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
});

test('KeyedMutex lets one holder of a key in at a time, in order', async () => {
  const mutex = new KeyedMutex();
  const order: string[] = [];
  const work = async (name: string, ms: number): Promise<void> => {
    using _held = await mutex.hold('web');
    order.push(`${name} in`);
    await sleep(ms);
    order.push(`${name} out`);
  };
  await Promise.all([work('a', 20), work('b', 1), work('c', 1)]);
  expect(order).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
});

test('KeyedMutex does not make different keys wait for each other', async () => {
  const mutex = new KeyedMutex();
  using _web = await mutex.hold('web');
  using _db = await mutex.hold('db');
  expect(mutex.isHeld('web')).toBe(true);
  expect(mutex.isHeld('db')).toBe(true);
});

test('KeyedMutex forgets a key that nobody holds', async () => {
  const mutex = new KeyedMutex();
  {
    using _held = await mutex.hold('web');
  }
  expect(mutex.isHeld('web')).toBe(false);
});
