/**
 * Delays for the n-th attempt in a row (0-based): `firstMs`, doubled each time, never above
 * `maxMs`.
 */
export function backoffMs(attempt: number, firstMs: number, maxMs: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
}
