/** U0 ids that one machine owns: `start … start + size - 1`, on both sides of the id map. */
export interface IdRange {
  readonly start: number;
  readonly size: number;
}

/** A run of ids: `count` of them from `inside` in the machine are those from `outside` in U0. */
export interface IdRun {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

/**
 * The machine's ids in the compact layout, which a Debian with systemd can live with: the system's
 * and the first people's, those that systemd gives to services (systemd, "Users, Groups, UIDs and
 * GIDs on systemd Systems": 61184 … 65519), and `nobody`.
 */
const compactRuns = [
  { inside: 0, count: 3000 },
  { inside: 61_184, count: 4336 },
  { inside: 65_534, count: 1 },
] as const;

/**
 * How many ids the compact layout takes: eight such machines fit into a default grant of 65,536. A
 * range has this layout if and only if it has this size, so that a range is two numbers everywhere.
 */
export const compactSize = compactRuns.reduce((sum, { count }) => sum + count, 0);

/** The runs of ids that a machine which owns `range` has, sorted: from 0 on, or compact. */
export function idRuns({ start, size }: IdRange): IdRun[] {
  if (size !== compactSize) return [{ inside: 0, outside: start, count: size }];
  let outside = start;
  return compactRuns.map(({ inside, count }) => {
    const run = { inside, outside, count };
    outside += count;
    return run;
  });
}

/**
 * What the U0 id `id` is in the machine that owns `range`; undefined when it is none of its own.
 */
export function toGuestId(range: IdRange, id: number): number | undefined {
  const run = idRuns(range).find(({ outside, count }) => id >= outside && id < outside + count);
  return run && run.inside + (id - run.outside);
}

/** Which U0 id the machine's id `guest` is; undefined when it has no such id. */
export function fromGuestId(range: IdRange, guest: number): number | undefined {
  const run = idRuns(range).find(({ inside, count }) => guest >= inside && guest < inside + count);
  return run && run.outside + (guest - run.inside);
}

/** Whether the machine that owns `range` has every id that the one that owns `other` has. */
export function hasGuestIdsOf(range: IdRange, other: IdRange): boolean {
  const runs = idRuns(range);
  return idRuns(other).every((needed) =>
    runs.some(
      ({ inside, count }) =>
        inside <= needed.inside && needed.inside + needed.count <= inside + count,
    ),
  );
}

/** Whether each of the ids of `part` is the same one of the same machine's in `whole`. */
export function isPartOf(part: IdRange, whole: IdRange): boolean {
  return (
    hasGuestIdsOf(whole, part) &&
    idRuns(part).every(({ inside, outside }) => fromGuestId(whole, inside) === outside)
  );
}

/** Whether two ranges have a U0 id in common. */
export function rangesOverlap(a: IdRange, b: IdRange): boolean {
  return a.start < b.start + b.size && b.start < a.start + a.size;
}

/** The machine's ids in words: `0 to 65535`. */
export function describeGuestIds(range: IdRange): string {
  return idRuns(range)
    .map(({ inside, count }) => (count === 1 ? `${inside}` : `${inside} to ${inside + count - 1}`))
    .join(', ');
}
