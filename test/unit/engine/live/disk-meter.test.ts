import { afterEach, expect, test, vi } from 'vitest';

import { DiskMeter, type MeasureDisks } from '../../../../src/engine/live/disk-meter.ts';

afterEach(() => {
  vi.useRealTimers();
});

const eachHas =
  (bytes: number): MeasureDisks =>
  (ids) =>
    Promise.resolve(new Map(ids.map((id) => [id, bytes])));

test('DiskMeter measures a machine once for all who ask at the same time', async () => {
  let measured = 0;
  const meter = new DiskMeter(
    (ids) => {
      measured += 1;
      return eachHas(7)(ids);
    },
    () => 0,
  );
  const readings = await Promise.all([meter.read(1), meter.read(1), meter.read(1)]);
  expect(readings).toEqual([7, 7, 7]);
  expect(measured).toBe(1);
});

test('DiskMeter answers with the last known figure while a slow measurement goes on', async () => {
  let now = 0;
  let bytes = 1;
  const slow = new Promise<never>(() => undefined);
  const meter = new DiskMeter(
    (ids) => (bytes === 1 ? eachHas(bytes)(ids) : slow),
    () => now,
  );
  expect(await meter.read(1)).toBe(1);
  now = 60_000;
  bytes = 2;
  expect(await meter.read(1)).toBe(1);
});

test('DiskMeter never keeps a list waiting, and measures its machines afterwards', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const asked: (readonly number[])[] = [];
  const finish: (() => void)[] = [];
  const meter = new DiskMeter(
    (ids) =>
      new Promise((resolve) => {
        asked.push(ids);
        finish.push(() => {
          resolve(new Map(ids.map((id) => [id, id])));
        });
      }),
    () => 0,
  );
  const ids = Array.from({ length: 100 }, (_, index) => index + 1);
  expect(ids.map((id) => meter.peek(id))).toEqual(ids.map(() => undefined));
  ids.forEach((id) => meter.peek(id));
  await new Promise(setImmediate);
  expect(asked).toEqual([]);
  vi.advanceTimersByTime(1000);
  expect(asked).toEqual([ids.slice(0, 64)]);
  ids.forEach((id) => meter.peek(id));
  finish[0]?.();
  await new Promise(setImmediate);
  expect(asked.slice(1)).toEqual([ids.slice(64)]);
  finish[1]?.();
  await new Promise(setImmediate);
  expect(ids.map((id) => meter.peek(id))).toEqual(ids);
  await new Promise(setImmediate);
  expect(asked).toHaveLength(2);
});

test('DiskMeter knows nothing of a machine that cannot be measured', async () => {
  const meter = new DiskMeter(
    () => Promise.reject(new Error('gone')),
    () => 0,
  );
  expect(await meter.read(1)).toBeUndefined();
});
