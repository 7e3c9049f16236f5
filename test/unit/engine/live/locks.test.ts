import { expect, test, vi } from 'vitest';

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

const never = new AbortController().signal;

test('who can wait a moment has the machine after the action under way, in the order of asking', async () => {
  const locks = new MachineLocks();
  const snapshot = await locks.act('web', 'snapshot');
  const order: number[] = [];
  const changes = [1, 2, 3].map(async (number) => {
    using _ = await locks.actSoon('web', 'update', never);
    order.push(number);
    await new Promise(setImmediate);
  });
  await new Promise(setImmediate);
  expect(order).toEqual([]);
  snapshot[Symbol.dispose]();
  await Promise.all(changes);
  expect(order).toEqual([1, 2, 3]);
  expect(locks.isIdle).toBe(true);
});

test('a clock that is set meanwhile makes nobody lose patience', async () => {
  const locks = new MachineLocks();
  const snapshot = await locks.act('web', 'snapshot');
  const first = locks.actSoon('web', 'update', never);
  const second = locks.actSoon('web', 'update', never);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 });
  try {
    snapshot[Symbol.dispose]();
    (await first)[Symbol.dispose]();
    (await second)[Symbol.dispose]();
  } finally {
    vi.useRealTimers();
  }
});

test('an action that goes on for longer is named to who has waited for it', async () => {
  const locks = new MachineLocks();
  using _ = await locks.act('web', 'export');
  await expect(locks.actSoon('web', 'update', never, 20)).rejects.toThrow(
    'Cannot update web: export is still under way',
  );
});

test('who no longer wants to wait is let go, and whoever waits behind has the machine', async () => {
  const locks = new MachineLocks();
  const start = await locks.act('web', 'start');
  const leaving = new AbortController();
  const left = locks.actSoon('web', 'update', leaving.signal);
  const stays = locks.actSoon('web', 'update', never);
  leaving.abort();
  await expect(left).rejects.toMatchObject({ code: 'cancelled' });
  start[Symbol.dispose]();
  (await stays)[Symbol.dispose]();
  expect(locks.isIdle).toBe(true);
});
