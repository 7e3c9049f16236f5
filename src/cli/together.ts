/**
 * Does something for several names at once. Every one is tried; then the failure, or all of them
 * as an `AggregateError`, is thrown.
 */
export async function forEachName<T>(
  names: readonly string[],
  work: (name: string) => Promise<T>,
): Promise<readonly T[]> {
  const results = await Promise.allSettled([...new Set(names)].map(work));
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, 'several failed');
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}
