import { expect, test } from 'vitest';

import { MachineLocks } from '../../../../src/engine/live/locks.ts';

test('a machine that is lent is recalled by whoever wants it, and is theirs once given back', async () => {
  const locks = new MachineLocks();
  const loan = await locks.lend('web');
  expect(loan.recalled.aborted).toBe(false);
  let started = false;
  const start = locks.act('web', 'start').then((held) => {
    started = true;
    return held;
  });
  await new Promise(setImmediate);
  expect(loan.recalled.aborted).toBe(true);
  expect(started).toBe(false);
  loan[Symbol.dispose]();
  using _ = await start;
});

test('a loan that was waited for is recalled at once when others wait behind it', async () => {
  const locks = new MachineLocks();
  const first = await locks.wait('web');
  const lending = locks.lend('web');
  const second = locks.wait('web');
  first[Symbol.dispose]();
  const loan = await lending;
  expect(loan.recalled.aborted).toBe(true);
  loan[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  using again = await locks.lend('web');
  expect(again.recalled.aborted).toBe(false);
});
