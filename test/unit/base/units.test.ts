import fc from 'fast-check';
import { expect, test } from 'vitest';

import { formatCount, formatDuration, formatSize, parseSize } from '../../../src/base/units.ts';

test.each([
  ['0', 0],
  ['512', 512],
  ['512B', 512],
  ['1kB', 1000],
  ['1KiB', 1024],
  ['2 GiB', 2 * 1024 ** 3],
  ['3TB', 3e12],
])('parseSize reads %s', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(['', 'lots', '-1', '1.5GiB', '1 G', '9999999EiB', '0x10', 'NaN'])(
  'parseSize refuses %j',
  (text) => {
    expect(parseSize(text)).toBeUndefined();
  },
);

test('formatSize keeps at most one decimal and a binary unit', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (bytes) => {
      expect(formatSize(bytes)).toMatch(/^\d{1,4}(\.\d)? ([KMGTPE]i)?B$/);
    }),
  );
  expect(formatSize(34 * 1024 ** 2)).toBe('34 MiB');
  expect(formatSize(1.5 * 1024 ** 3)).toBe('1.5 GiB');
});

test.each([
  [0, '0ms'],
  [45.4, '45ms'],
  [300, '0.3s'],
  [11_000, '11s'],
  [125_000, '2m 5s'],
  [3_720_000, '1h 2m'],
  [90_000_000, '1d 1h'],
])('formatDuration writes %d ms', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1,000'],
  [65_536, '65,536'],
  [12_345_678, '12,345,678'],
])('formatCount(%d) is %s', (count, text) => {
  expect(formatCount(count)).toBe(text);
});
