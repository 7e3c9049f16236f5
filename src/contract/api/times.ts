/** Go's zero time, which LXD and its clients read as unset, or as never. */
export const noTime = '0001-01-01T00:00:00Z';

/** RFC 3339 for milliseconds since the epoch; `noTime` for undefined. */
export function timeOf(ms: number | undefined): string {
  return ms === undefined ? noTime : new Date(ms).toISOString();
}
