import { maxExtents } from './idmap.ts';
import type { Grant, IdMap, IdMapExtent } from './types.ts';

/** The user's own ids and what is granted to them, all as the host counts. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly uidGrants: readonly Grant[];
  readonly gidGrants: readonly Grant[];
}

/**
 * U0's map: `0` is the user, `1 …` the subordinate ids in the order of the grants. The order is
 * kept, so that a range added later never moves the ids of machines that exist.
 */
export function planU0(owner: Ownership): IdMap {
  return {
    uid: planSide(owner.uid, owner.uidGrants),
    gid: planSide(owner.gid, owner.gidGrants),
  };
}

function planSide(own: number, grants: readonly Grant[]): IdMapExtent[] {
  const map: IdMapExtent[] = [{ inside: 0, outside: own, count: 1 }];
  let inside = 1;
  for (const { start, count } of withoutOverlap(grants, own)) {
    if (map.length === maxExtents) break;
    map.push({ inside, outside: start, count });
    inside += count;
  }
  return map;
}

/**
 * What remains of each grant when ids that came earlier, and the user's own, are left out: a file
 * may name a range twice, and the kernel refuses a map that does.
 */
function withoutOverlap(grants: readonly Grant[], own: number): Grant[] {
  const taken: Grant[] = [{ start: own, count: 1 }];
  const result: Grant[] = [];
  for (const grant of grants) {
    let rest = [grant];
    for (const other of taken) rest = rest.flatMap((piece) => subtract(piece, other));
    result.push(...rest);
    taken.push(...rest);
  }
  return result;
}

/** The parts of `piece` outside `other`: none, one or two. */
function subtract(piece: Grant, other: Grant): Grant[] {
  const end = piece.start + piece.count;
  const below = { start: piece.start, count: Math.min(end, other.start) - piece.start };
  const aboveStart = Math.max(piece.start, other.start + other.count);
  const above = { start: aboveStart, count: end - aboveStart };
  if (other.count === 0) return piece.count > 0 ? [piece] : [];
  return [below, above].filter(({ count }) => count > 0);
}
