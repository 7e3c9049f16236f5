import { expect, test } from 'vitest';

import { formatRelative, parseTime } from '../../../src/cli/render/time.ts';

const now = Date.parse('2026-06-15T12:00:00Z');
const seconds = (count: number): string => formatRelative(now - count * 1000, now);

test.each([
  [0, 'just now'],
  [4, 'just now'],
  [5, '5 seconds ago'],
  [59, '59 seconds ago'],
  [60, '1 minute ago'],
  [185, '3 minutes ago'],
  [3600, '1 hour ago'],
  [18_000, '5 hours ago'],
  [86_400, 'yesterday'],
  [86_400 * 2, '2 days ago'],
  [86_400 * 45, '1 month ago'],
  [86_400 * 800, '2 years ago'],
  [-80, 'in 1 minute'],
  [-86_400, 'tomorrow'],
  [1 - 86_400 * 2, 'in 2 days'],
  [1 - 3600, 'in 60 minutes'],
])('%d seconds are "%s"', (count, text) => {
  expect(seconds(count)).toBe(text);
});

test('times that mean never are a dash', () => {
  for (const text of ['0001-01-01T00:00:00Z', '1970-01-01T00:00:00Z', null, undefined, 'soon']) {
    expect(formatRelative(parseTime(text), now)).toBe('-');
  }
});
