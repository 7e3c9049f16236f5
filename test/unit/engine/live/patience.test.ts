import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';

import { Patience } from '../../../../src/engine/live/patience.ts';

test('is over some time after it is recalled, and not without that', async () => {
  const recall = new AbortController();
  using asked = new Patience(recall.signal, 20);
  using never = new Patience(undefined, 20);
  await sleep(40);
  expect(asked.over.aborted).toBe(false);
  recall.abort();
  expect(asked.over.aborted).toBe(false);
  await expect.poll(() => asked.over.aborted).toBe(true);
  expect(never.over.aborted).toBe(false);
  using late = new Patience(recall.signal, 20);
  await expect.poll(() => late.over.aborted).toBe(true);
});

test('is never over for what has come to its end', async () => {
  const recall = new AbortController();
  const done = new Patience(recall.signal, 20);
  done[Symbol.dispose]();
  const interrupted = new Patience(recall.signal, 20);
  recall.abort();
  interrupted[Symbol.dispose]();
  await sleep(60);
  expect(done.over.aborted).toBe(false);
  expect(interrupted.over.aborted).toBe(false);
});
