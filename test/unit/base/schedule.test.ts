import { expect, test } from 'vitest';

import { expiresAt, parseExpiry } from '../../../src/base/expiry.ts';
import { parseSchedule, scheduleMatches } from '../../../src/base/schedule.ts';

function isDue(text: string, at: string): boolean {
  const schedule = parseSchedule(text);
  if (schedule === undefined) throw new Error(`${text} is no schedule`);
  return scheduleMatches(schedule, new Date(at));
}

// 2024-02-05 is a Monday. Times without a zone are local, as in cron.
test.each([
  ['* * * * *', true],
  ['30 14 * * *', true],
  ['*/15 14 * * *', true],
  ['5-45/25 14 * * *', true],
  ['31 14 * * *', false],
  ['30 14 5 2 *', true],
  ['30 14 * feb MON', true],
  ['30 14 * * 2-7', false],
  ['30 14 1 * mon', true],
  ['30 14 5 * sun', true],
  ['30 14 1 * sun', false],
  ['30 14 */2 * sun', false],
])('%s at Monday 5 February 14:30 is %s', (text, due) => {
  expect(isDue(text, '2024-02-05T14:30:20')).toBe(due);
});

test('names stand for cron lines, in a list any of them is enough', () => {
  expect(isDue('@hourly', '2024-02-05T14:00:00')).toBe(true);
  expect(isDue('@weekly', '2024-02-04T00:00:00')).toBe(true);
  expect(isDue('30 14 * * 7', '2024-02-04T14:30:00')).toBe(true);
  expect(isDue('@yearly, @daily', '2024-02-05T00:00:00')).toBe(true);
  expect(parseSchedule('@startup,@never')).toEqual({ crons: [], atStartup: true });
});

test.each([
  '* * * *',
  '* * * * * *',
  '60 * * * *',
  '*/0 * * * *',
  '1-0 * * * *',
  '@noon',
  '@daily x',
])('%j is no schedule', (text) => {
  expect(parseSchedule(text)).toBeUndefined();
});

test('an expiry adds up by the calendar', () => {
  const from = new Date('2024-01-30T10:00:00Z');
  const after = (text: string): string | undefined =>
    expiresAt(from, parseExpiry(text) ?? new Map())?.toISOString();
  expect(after('')).toBeUndefined();
  expect(after('1S 1M 1H')).toBe('2024-01-30T11:01:01.000Z');
  expect(after('1w 2d')).toBe('2024-02-08T10:00:00.000Z');
  expect(after('1y')).toBe('2025-01-30T10:00:00.000Z');
  for (const text of ['1x', '1', 'd', '1d 2d', '-1d'])
    expect(parseExpiry(text), text).toBeUndefined();
});
