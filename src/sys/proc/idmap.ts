/** One line of /proc/PID/uid_map or gid_map (`man 7 user_namespaces`). */
export interface IdMapLine {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/** Parses a uid_map or gid_map. Empty for a namespace whose map is not written. */
export function parseIdMap(text: string): IdMapLine[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [inside, outside, count] = line.split(/\s+/).map(Number);
      return { inside: inside ?? NaN, outside: outside ?? NaN, count: count ?? NaN };
    });
}

/**
 * The same map with its extents cut where those of the parent's own map end: the kernel looks up
 * each extent in one extent of the parent and refuses one that spans two (EPERM; man 7
 * user_namespaces). Ids that the parent does not map are left out.
 */
export function splitAlong(map: readonly IdMapLine[], parent: readonly IdMapLine[]): IdMapLine[] {
  return map.flatMap((extent) =>
    parent.flatMap(({ inside, count }) => {
      const start = Math.max(extent.outside, inside);
      const end = Math.min(extent.outside + extent.count, inside + count);
      if (start >= end) return [];
      return [
        { inside: extent.inside + (start - extent.outside), outside: start, count: end - start },
      ];
    }),
  );
}

/**
 * Whether this map is that of the initial namespace, or as good as one: uid 0 there is uid 0
 * outside. `getuid()` cannot tell, since it is 0 in every namespace warren makes.
 */
export function mapsRealRoot(map: readonly IdMapLine[]): boolean {
  return map.some(({ inside, outside, count }) => inside === 0 && outside === 0 && count > 0);
}
