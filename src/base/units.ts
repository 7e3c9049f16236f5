const binary = { KiB: 1, MiB: 2, GiB: 3, TiB: 4, PiB: 5, EiB: 6 } as const;
const decimal = { kB: 1, MB: 2, GB: 3, TB: 4, PB: 5, EB: 6 } as const;

/**
 * Bytes from text as LXD writes sizes: a bare number, `B`, decimal (`kB`, `MB`, …) or binary
 * (`KiB`, `MiB`, …) suffix. Returns undefined when the text is no size or not a safe integer.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)\s*(B|bytes|kB|[MGTPE]B|[KMGTPE]iB)?$/.exec(text.trim());
  const [, digits, suffix = 'B'] = match ?? [];
  if (digits === undefined) return undefined;
  let factor = 1;
  if (suffix in binary) factor = 1024 ** binary[suffix as keyof typeof binary];
  else if (suffix in decimal) factor = 1000 ** decimal[suffix as keyof typeof decimal];
  const bytes = Number(digits) * factor;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Bytes for people, in binary units with at most one decimal: `34 MiB`, `1.5 GiB`. */
export function formatSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = value < 10 && unit > 0 ? value.toFixed(1).replace(/\.0$/, '') : value.toFixed(0);
  return `${digits} ${units[unit] ?? ''}`;
}

/** A count for people: `65,536`. Without Intl, whose first use costs as much as a command. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** A duration for people: `45ms`, `0.3s`, `11s`, `2m 5s`, `3h 2m`, `4d 1h`. */
export function formatDuration(ms: number): string {
  if (ms < 100) return `${Math.round(ms)}ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  if (seconds < 86_400)
    return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`;
  return `${Math.floor(seconds / 86_400)}d ${Math.floor((seconds % 86_400) / 3600)}h`;
}
