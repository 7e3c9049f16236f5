/** As `Promise.all` over `map`, with at most `width` of them under way at a time. */
export async function mapLimited<T, U>(
  items: readonly T[],
  width: number,
  map: (item: T) => Promise<U>,
): Promise<U[]> {
  const results: U[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) {
      results[at] = await map(items[at] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
