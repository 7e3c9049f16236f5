import { idRuns } from '../base/id-layout.ts';
import { countIds } from './idmap.ts';
import type { IdMap, IdMapExtent, Slice } from './types.ts';

/** Ids of one machine: what a full Linux system expects, with `nobody` at 65534. */
export const sliceSize = 65_536;

/** U0's id 0 is the user; subordinate ids begin after it, so slices do too. */
const firstSliceStart = 1;

/** Slice number `index` (0-based) of U0: its ids `1 + 65536·index …`. */
export function sliceAt(index: number): Slice {
  return { start: firstSliceStart + sliceSize * index, size: sliceSize };
}

/**
 * How many whole slices U0 holds, by its own map (`/proc/self/uid_map` and gid_map in U0). The
 * smaller side counts. Where the grant consists of several ranges, a slice may span two of them:
 * U0's ids are contiguous, and the map of a machine is cut where a range ends (`splitAlong`).
 */
export function countSlices(u0: IdMap): number {
  const subordinate = (map: readonly IdMapExtent[]): number =>
    countIds(map.filter(({ inside }) => inside >= firstSliceStart));
  return Math.floor(Math.min(subordinate(u0.uid), subordinate(u0.gid)) / sliceSize);
}

/** The map of a machine that owns `slice`, as its parent U0 sees it. */
export function sliceMap(slice: Slice): IdMapExtent[] {
  return idRuns(slice);
}
