type Unit = 'S' | 'M' | 'H' | 'd' | 'w' | 'm' | 'y';

/** How long a snapshot lives: an amount per calendar unit. */
export type Expiry = ReadonlyMap<Unit, number>;

/**
 * LXD's expiry text, such as `1M 2H 3d 4w 5m 6y`: seconds, minutes, hours, days, weeks, months and
 * years, each at most once. Undefined when the text is none; empty for the empty text (no expiry).
 */
export function parseExpiry(text: string): Expiry | undefined {
  const expiry = new Map<Unit, number>();
  for (const part of text.trim().split(/\s+/)) {
    if (part === '') continue;
    const [, amount = '', unit = ''] = /^(\d{1,6})([SMHdwmy])$/.exec(part) ?? [];
    if (amount === '' || expiry.has(unit as Unit)) return undefined;
    expiry.set(unit as Unit, Number(amount));
  }
  return expiry;
}

/**
 * The moment a thing made at `from` expires, by the calendar in UTC; undefined for an empty expiry.
 */
export function expiresAt(from: Date, expiry: Expiry): Date | undefined {
  if (expiry.size === 0) return undefined;
  const of = (unit: Unit): number => expiry.get(unit) ?? 0;
  const date = new Date(from);
  date.setUTCFullYear(date.getUTCFullYear() + of('y'), date.getUTCMonth() + of('m'));
  date.setUTCDate(date.getUTCDate() + of('d') + 7 * of('w'));
  return new Date(date.getTime() + ((of('H') * 60 + of('M')) * 60 + of('S')) * 1000);
}
