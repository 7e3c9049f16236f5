import { expect, test } from 'vitest';

import { Returns } from '../../../../src/engine/live/returns.ts';

const quick = 500;

test('three quick reboots are free, and further ones cost ever more, up to a minute', () => {
  using returns = new Returns();
  const delays = Array.from({ length: 12 }, () => returns.delayMs(1, quick) / 1000);
  expect(delays).toEqual([0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
  expect(returns.delayMs(2, quick)).toBe(0);
});

test('a run that lasted, and a stop, begin anew', () => {
  using returns = new Returns();
  for (let reboot = 0; reboot < 5; reboot++) returns.delayMs(1, quick);
  expect(returns.delayMs(1, 3600_000)).toBe(0);
  expect(returns.delayMs(1, quick)).toBe(0);
  for (let reboot = 0; reboot < 5; reboot++) returns.delayMs(1, quick);
  returns.forget(1);
  expect(returns.delayMs(1, quick)).toBe(0);
});

test('one that is taken back does not come', async () => {
  using returns = new Returns();
  const come: number[] = [];
  for (const id of [1, 2]) returns.later(id, 10, () => come.push(id));
  returns.forget(1);
  expect([returns.isPending(1), returns.isPending(2)]).toEqual([false, true]);
  await expect.poll(() => come).toEqual([2]);
  expect(returns.isPending(2)).toBe(false);
});
