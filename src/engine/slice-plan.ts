import { compactSize, rangesOverlap } from '../base/id-layout.ts';
import type { StringMap } from '../contract/api/instances.ts';
import { readBool, readInteger, readString } from '../contract/config/read.ts';
import type { SliceRecord } from '../store/records.ts';
import { countIds } from '../userns/idmap.ts';
import { sliceSize, sliceAt } from '../userns/slices.ts';
import type { IdMap } from '../userns/types.ts';

/** What a machine's config asks of its ids. */
export interface SliceWish {
  /**
   * Undefined: isolated when the grant is large enough. Ids of a number or a place of their own
   * are.
   */
  readonly isolated: boolean | undefined;
  readonly size: number | undefined;
  readonly base: number | undefined;
}

/** Subordinate ids that U0 holds on both sides: they are its 1 … this. */
export function grantedIds(u0: IdMap): number {
  const subordinate = (map: IdMap['uid']): number =>
    countIds(map.filter(({ inside }) => inside > 0));
  return Math.min(subordinate(u0.uid), subordinate(u0.gid));
}

/**
 * Chooses ids for a machine among those that no other has. The first slice is the shared one; it is
 * left to machines that share while there is room above it. Undefined when there is no room.
 * `preferred` are starts to take first when they are free: slices that have a copy of the image.
 */
export function planSlice(
  taken: readonly SliceRecord[],
  granted: number,
  wish: SliceWish,
  preferred: readonly number[] = [],
): SliceRecord | undefined {
  const size = wish.size ?? sliceSize;
  const isFree = (start: number): boolean =>
    start >= 1 &&
    start + size - 1 <= granted &&
    !taken.some((other) => rangesOverlap(other, { start, size }));

  if (wish.base !== undefined) {
    return isFree(wish.base) ? { start: wish.base, size, isolated: true } : undefined;
  }
  const shared = planShared(taken, granted);
  if (wish.isolated === false) return shared;
  if (wish.isolated === undefined && wish.size === undefined && granted < 2 * sliceSize) {
    return shared;
  }
  const first = sliceAt(0);
  const above = first.start + first.size;
  const candidates = [
    ...preferred.filter((start) => start >= above),
    above,
    ...taken.map((other) => other.start + other.size).filter((start) => start >= above),
    // Small slices may use the shared range as long as nobody shares it.
    ...(wish.isolated === true
      ? [first.start, ...taken.map((other) => other.start + other.size)]
      : []),
  ];
  const start = candidates.find(isFree);
  if (start !== undefined) return { start, size, isolated: true };
  return wish.isolated === undefined ? shared : undefined;
}

function planShared(taken: readonly SliceRecord[], granted: number): SliceRecord | undefined {
  const slice = sliceAt(0);
  if (granted < slice.size) return undefined;
  const isTaken = taken.some((other) => other.isolated && rangesOverlap(other, slice));
  return isTaken ? undefined : { ...slice, isolated: false };
}

/** What the expanded config of a machine asks for. */
export function readSliceWish(config: StringMap): SliceWish {
  const size =
    readString(config, 'security.idmap.size') === 'compact'
      ? compactSize
      : readInteger(config, 'security.idmap.size');
  const base = readInteger(config, 'security.idmap.base');
  const isOwn = size !== undefined || base !== undefined ? true : undefined;
  return { isolated: readBool(config, 'security.idmap.isolated') ?? isOwn, size, base };
}

/**
 * Whether a machine may keep its ids. What is not asked for may be as it is, but for the number.
 */
export function isWished(slice: SliceRecord, { isolated, size, base }: SliceWish): boolean {
  if (base !== undefined && slice.start !== base) return false;
  if (isolated !== undefined && slice.isolated !== isolated) return false;
  return isolated === false || slice.size === (size ?? sliceSize);
}
