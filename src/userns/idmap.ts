import type { IdMapExtent } from './types.ts';

/** Id-map algebra. Extents of one map never overlap, on either side (man 7 user_namespaces). */

/** The kernel's bound on lines of a uid_map or gid_map since Linux 4.15. */
export const maxExtents = 340;

/** What `id` of the inner namespace is in the outer one; undefined when it is not mapped. */
export function toOutside(map: readonly IdMapExtent[], id: number): number | undefined {
  const extent = map.find(({ inside, count }) => id >= inside && id < inside + count);
  return extent === undefined ? undefined : extent.outside + (id - extent.inside);
}

/** What `id` of the outer namespace is in the inner one; undefined when it is not mapped. */
export function toInside(map: readonly IdMapExtent[], id: number): number | undefined {
  return toOutside(invert(map), id);
}

/** The same map with its sides exchanged. */
export function invert(map: readonly IdMapExtent[]): IdMapExtent[] {
  return map.map(({ inside, outside, count }) => ({ inside: outside, outside: inside, count }));
}

/**
 * The map of a namespace within a namespace: `inner` leads to ids that `outer` leads on. Ids that
 * `outer` does not map are left out, as the kernel would refuse them.
 */
export function compose(
  inner: readonly IdMapExtent[],
  outer: readonly IdMapExtent[],
): IdMapExtent[] {
  return normalize(
    inner.flatMap((a) =>
      outer.flatMap((b) => {
        const start = Math.max(a.outside, b.inside);
        const end = Math.min(a.outside + a.count, b.inside + b.count);
        if (start >= end) return [];
        return [
          {
            inside: a.inside + (start - a.outside),
            outside: b.outside + (start - b.inside),
            count: end - start,
          },
        ];
      }),
    ),
  );
}

/**
 * Sorted by inner ids, with neighbours that continue each other joined and empty extents left out.
 */
export function normalize(map: readonly IdMapExtent[]): IdMapExtent[] {
  const result: IdMapExtent[] = [];
  const sorted = map.filter(({ count }) => count > 0).sort((a, b) => a.inside - b.inside);
  for (const extent of sorted) {
    const last = result.at(-1);
    const continues =
      last?.inside !== undefined &&
      last.inside + last.count === extent.inside &&
      last.outside + last.count === extent.outside;
    if (last !== undefined && continues) {
      result[result.length - 1] = { ...last, count: last.count + extent.count };
    } else {
      result.push(extent);
    }
  }
  return result;
}

/** Whether two extents share an id on either side; the kernel refuses such a map with EINVAL. */
export function hasOverlap(map: readonly IdMapExtent[]): boolean {
  const overlaps = (starts: readonly (readonly [number, number])[]): boolean => {
    const sorted = [...starts].sort(([a], [b]) => a - b);
    return sorted.some(([start], index) => {
      const before = sorted[index - 1];
      return before !== undefined && before[0] + before[1] > start;
    });
  };
  return (
    overlaps(map.map(({ inside, count }) => [inside, count])) ||
    overlaps(map.map(({ outside, count }) => [outside, count]))
  );
}

/** How many ids a map holds. */
export function countIds(map: readonly IdMapExtent[]): number {
  return map.reduce((sum, { count }) => sum + count, 0);
}

/** The arguments newuidmap(1) and newgidmap(1) want after the pid. */
export function mapArguments(map: readonly IdMapExtent[]): string[] {
  return map.flatMap(({ inside, outside, count }) => [`${inside}`, `${outside}`, `${count}`]);
}
