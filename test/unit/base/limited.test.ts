import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { mapLimited } from '../../../src/base/limited.ts';

test('mapLimited keeps the order and never has more under way than it may', async () => {
  let underWay = 0;
  let most = 0;
  const doubled = await mapLimited([5, 1, 4, 2, 3], 2, async (value) => {
    most = Math.max(most, ++underWay);
    await sleep(value);
    underWay -= 1;
    return value * 2;
  });
  expect(doubled).toEqual([10, 2, 8, 4, 6]);
  expect(most).toBe(2);
  expect(await mapLimited([], 2, () => Promise.resolve(1))).toEqual([]);
});

test('mapLimited fails with the first failure', async () => {
  const failing = mapLimited([1, 2], 2, (value) =>
    value === 1 ? Promise.reject(new Error('one')) : Promise.resolve(value),
  );
  await expect(failing).rejects.toThrow('one');
});
