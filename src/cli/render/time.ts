/** LXD's zero time, the Unix epoch and nothing at all mean "never". */
export function parseTime(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) || time <= 0 ? undefined : time;
}

const steps: readonly (readonly [seconds: number, unit: string])[] = [
  [60, 'second'],
  [3600, 'minute'],
  [86_400, 'hour'],
  [86_400 * 30, 'day'],
  [86_400 * 365, 'month'],
  [Number.POSITIVE_INFINITY, 'year'],
];

/** A point in time for people: `just now`, `3 minutes ago`, `yesterday`, `in 2 days`. */
export function formatRelative(time: number | undefined, now: number): string {
  if (time === undefined) return '-';
  const seconds = Math.round(Math.abs(now - time) / 1000);
  if (seconds < 5) return 'just now';
  const index = steps.findIndex(([limit]) => seconds < limit);
  const size = index === 0 ? 1 : (steps[index - 1]?.[0] ?? 1);
  const unit = steps[index]?.[1] ?? 'year';
  const past = time <= now;
  // What has passed is whole; what is to come is as near as it may be: two days are no "tomorrow"
  // at once.
  const count = past ? Math.floor(seconds / size) : Math.round(seconds / size);
  if (unit === 'day' && count === 1) return past ? 'yesterday' : 'tomorrow';
  const amount = `${count} ${unit}${count === 1 ? '' : 's'}`;
  return past ? `${amount} ago` : `in ${amount}`;
}
