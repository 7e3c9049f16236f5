import { expect, test } from 'vitest';

import { DiskMeter } from '../../../../src/engine/live/disk-meter.ts';

test('DiskMeter measures a machine once for all who ask at the same time', async () => {
  let measured = 0;
  const meter = new DiskMeter(
    () => {
      measured += 1;
      return Promise.resolve({ bytes: 7, inodes: 1 });
    },
    () => 0,
  );
  const readings = await Promise.all([meter.read(1), meter.read(1), meter.read(1)]);
  expect(readings).toEqual(readings.map(() => ({ bytes: 7, inodes: 1 })));
  expect(measured).toBe(1);
});

test('DiskMeter answers with the last known figure while a slow measurement goes on', async () => {
  let now = 0;
  let bytes = 1;
  const slow = new Promise<never>(() => undefined);
  const meter = new DiskMeter(
    () => (bytes === 1 ? Promise.resolve({ bytes, inodes: 1 }) : slow),
    () => now,
  );
  expect(await meter.read(1)).toEqual({ bytes: 1, inodes: 1 });
  now = 60_000;
  bytes = 2;
  expect(await meter.read(1)).toEqual({ bytes: 1, inodes: 1 });
});

test('DiskMeter never keeps a list waiting, and measures its machines one after the other', async () => {
  const finish: (() => void)[] = [];
  const meter = new DiskMeter(
    (id) =>
      new Promise((resolve) => {
        finish.push(() => {
          resolve({ bytes: id, inodes: 1 });
        });
      }),
    () => 0,
  );
  const ids = [1, 2, 3];
  expect(ids.map((id) => meter.peek(id))).toEqual([undefined, undefined, undefined]);
  ids.forEach((id) => meter.peek(id));
  for (const id of ids) {
    expect(finish).toHaveLength(id);
    finish[id - 1]?.();
    await new Promise(setImmediate);
  }
  expect(ids.map((id) => meter.peek(id)?.bytes)).toEqual(ids);
  await new Promise(setImmediate);
  expect(finish).toHaveLength(3);
});

test('DiskMeter knows nothing of a machine that cannot be measured', async () => {
  const meter = new DiskMeter(
    () => Promise.reject(new Error('gone')),
    () => 0,
  );
  expect(await meter.read(1)).toBeUndefined();
});
