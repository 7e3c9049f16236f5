import type { RawIdmap } from '../contract/config/values.ts';
import type { Issue } from '../contract/errors.ts';
import { splitAlong } from '../sys/proc/idmap.ts';
import { hasOverlap, normalize, toInside } from '../userns/idmap.ts';
import { sliceMap } from '../userns/slices.ts';
import type { IdMap, IdMapExtent, Slice } from '../userns/types.ts';

/**
 * The id map of a machine: its slice, with the holes and extents that `raw.idmap` asks for. A host
 * id must be the user's own or one of the grant, a machine's not its root, since files stay whose
 * they are on the host; whatever else is asked for is an issue.
 */
export function planIdmap(
  slice: Slice,
  entries: readonly RawIdmap[],
  u0: IdMap,
): { readonly map: IdMap; readonly issues: Issue[] } {
  const issues: Issue[] = [];
  const side = (kind: 'uid' | 'gid'): IdMapExtent[] => {
    let map: IdMapExtent[] = sliceMap(slice);
    const extra: IdMapExtent[] = [];
    for (const entry of entries) {
      if (entry.kind !== 'both' && entry.kind !== kind) continue;
      if (entry.guest === 0) {
        const problem = `${kind} 0 of the machine owns its whole system, which would be nobody's, wanted an id that has no files yet`;
        issues.push({ path: 'config.raw.idmap', problem });
        continue;
      }
      const outside = hostRange(u0[kind], entry);
      if (outside === undefined) {
        issues.push({
          path: 'config.raw.idmap',
          problem: `${kind} ${entry.host}${entry.count > 1 ? `-${entry.host + entry.count - 1}` : ''} of the host is not yours, wanted your own or one of your subordinate ids`,
        });
        continue;
      }
      map = map.flatMap((extent) => without(extent, entry.guest, entry.count));
      extra.push({ inside: entry.guest, outside, count: entry.count });
    }
    const whole = [...map, ...extra];
    if (hasOverlap(whole)) {
      issues.push({
        path: 'config.raw.idmap',
        problem: `a ${kind} is given to the machine twice, wanted each host id and each guest id once`,
      });
    }
    return splitAlong(normalize(whole), u0[kind]);
  };
  return { map: { uid: side('uid'), gid: side('gid') }, issues };
}

/** Where a run of host ids begins in U0, when all of it is there in one piece. */
function hostRange(u0: readonly IdMapExtent[], entry: RawIdmap): number | undefined {
  const first = toInside(u0, entry.host);
  const last = toInside(u0, entry.host + entry.count - 1);
  if (first === undefined || last === undefined) return undefined;
  return last - first === entry.count - 1 ? first : undefined;
}

/** What is left of an extent when the inner ids `start … start + count - 1` are taken out. */
function without(extent: IdMapExtent, start: number, count: number): IdMapExtent[] {
  const end = extent.inside + extent.count;
  const below = Math.min(end, start) - extent.inside;
  const above = Math.max(extent.inside, start + count);
  return [
    { ...extent, count: below },
    { inside: above, outside: extent.outside + (above - extent.inside), count: end - above },
  ].filter((part) => part.count > 0);
}
