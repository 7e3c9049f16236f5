import { mapLimited } from '../base/limited.ts';

/** More connections at once than the daemon's socket lets wait are refused by the kernel. */
const atOnce = 32;

/**
 * Does something for several names at once. Every one is tried; then the failure, or all of them
 * as an `AggregateError`, is thrown.
 */
export async function forEachName<T>(
  names: readonly string[],
  work: (name: string) => Promise<T>,
): Promise<readonly T[]> {
  return await forEachOf([...new Set(names)], work);
}

/** The same one after the other, for what builds on what came before. */
export async function forEachInOrder<T>(
  names: readonly string[],
  work: (name: string) => Promise<T>,
): Promise<readonly T[]> {
  return await forEachOf(names, work, 1);
}

/** The same for things that are no names, so many at once. */
export async function forEachOf<Item, T>(
  items: readonly Item[],
  work: (item: Item) => Promise<T>,
  most = atOnce,
): Promise<readonly T[]> {
  const results = await mapLimited(items, most, async (item) => {
    const [result] = await Promise.allSettled([work(item)]);
    return result;
  });
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, 'several failed');
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}
