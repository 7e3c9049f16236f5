/** How images and backups can be packed. */
export const compressions = ['none', 'gzip', 'bzip2', 'lzma', 'xz', 'zstd'] as const;

export interface Compression {
  readonly algorithm: (typeof compressions)[number];
  /** As the program's option has it, `-9`; undefined is its usual one. */
  readonly level: string | undefined;
}

/** `xz`, or with a level `xz -9` as LXD takes it too. Undefined for anything else. */
export function parseCompression(text: string): Compression | undefined {
  const [, name, level] = /^([a-z0-9]+)(?: (-(?:[1-9]|1[0-9])))?$/.exec(text) ?? [];
  const algorithm = compressions.find((one) => one === name);
  if (algorithm === undefined) return undefined;
  if (level !== undefined && (algorithm === 'none' || Number(level) < highest(algorithm))) {
    return undefined;
  }
  return { algorithm, level };
}

/** Levels are written with a dash, so the strongest is the least number. */
function highest(algorithm: Compression['algorithm']): number {
  return algorithm === 'zstd' ? -19 : -9;
}
