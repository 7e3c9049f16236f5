/**
 * True when `text` holds a C0 or C1 control character or DEL: such text must not reach a line-based
 * file.
 */
export function hasControlCharacter(text: string): boolean {
  return /[\u0000-\u001f\u007f-\u009f]/u.test(text);
}

/**
 * Number of slips between two strings: a character too much, missing, wrong, or two neighbours
 * exchanged (optimal string alignment).
 */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  let above: number[] = [];
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const substitution = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      const isExchanged = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j];
      const exchange = isExchanged ? (above[j - 1] ?? 0) + 1 : Infinity;
      next.push(Math.min(substitution, exchange, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    above = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The candidate most like `name`, when it is near enough to be a slip of the fingers. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (best === undefined || distance < best.distance) best = { candidate, distance };
  }
  if (best === undefined) return undefined;
  // In a name of two letters one slip is half of it.
  const most = name.length <= 2 ? 0 : Math.max(1, Math.floor(name.length / 3));
  return best.distance <= most ? best.candidate : undefined;
}

/**
 * Order of names in lists: numbers in them by value, so that `web2` comes before `web10`. Without
 * Intl, whose first use costs as much as a command.
 */
export function compareNames(a: string, b: string): number {
  const [as, bs] = [a.split(/(\d+)/), b.split(/(\d+)/)];
  for (let i = 0; i < Math.min(as.length, bs.length); i++) {
    const [x, y] = [as[i] ?? '', bs[i] ?? ''];
    // Every other part is a number, whatever its length.
    const byValue = i % 2 === 0 ? 0 : Number(x) - Number(y);
    if (byValue !== 0) return byValue;
    if (x !== y) return x < y ? -1 : 1;
  }
  return as.length - bs.length;
}
