/** What Go's zero time is on the wire: unset, or never. */
export const noTime = '0001-01-01T00:00:00Z';

export function timeOf(ms: number | undefined): string {
  return ms === undefined ? noTime : new Date(ms).toISOString();
}
