import { formatSize } from '../../base/units.ts';
import { formatRelative, parseTime } from './time.ts';

import type { Cell } from './table.ts';

/** A point in time: `3 minutes ago` for people, RFC 3339 in UTC for programs. `-` for never. */
export function timeCell(time: string | null | undefined, now: number): Cell {
  const at = parseTime(time);
  return at === undefined
    ? '-'
    : { text: formatRelative(at, now), value: new Date(at).toISOString() };
}

/**
 * A number of bytes: with a unit for people, as it is for programs. `-` for one that is not known.
 */
export function sizeCell(bytes: number | null | undefined): Cell {
  return bytes === undefined || bytes === null || bytes < 0
    ? '-'
    : { text: formatSize(bytes), value: String(bytes) };
}

/** The beginning of an id for people, all of it for programs. `-` for none. */
export function idCell(id: string, length: number): Cell {
  return id === '' ? '-' : { text: id.slice(0, length), value: id };
}
