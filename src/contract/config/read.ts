import { parseSize } from '../../base/units.ts';
import type { StringMap } from '../api/instances.ts';

import { instanceKeys } from './instance-keys.ts';
import type { KeyRow } from './key.ts';
import { parseBool, parseIdmapLines, parseSyscalls, type RawIdmap } from './values.ts';

/** Instance keys with a whole name, so that a misspelt one does not compile. */
export type InstanceKey = (typeof instanceKeys)[number]['key'];

/**
 * The value that holds for a key of an expanded config: set under its name or an old one, else the
 * default of the table, else undefined.
 */
export function readString(config: StringMap, key: InstanceKey): string | undefined {
  const row: KeyRow | undefined = instanceKeys.find((candidate) => candidate.key === key);
  for (const name of [key, ...(row?.oldNames ?? [])]) {
    const value = config[name];
    if (value !== undefined && value !== '') return value;
  }
  return row?.default;
}

/** Undefined when unset without a default. The config must have been validated. */
export function readBool(config: StringMap, key: InstanceKey): boolean | undefined {
  return parseBool(readString(config, key) ?? '');
}

/** Undefined when unset without a default. The config must have been validated. */
export function readInteger(config: StringMap, key: InstanceKey): number | undefined {
  const value = readString(config, key);
  return value === undefined ? undefined : Number(value);
}

/** Bytes. */
export function readSize(config: StringMap, key: InstanceKey): number | undefined {
  return parseSize(readString(config, key) ?? '');
}

/** `environment.*`, `linux.sysctl.*`, `user.*`: the entries below a prefix, without it. */
export function readPrefix(config: StringMap, prefix: InstanceKey & `${string}.*`): StringMap {
  const start = prefix.slice(0, -1);
  return Object.fromEntries(
    Object.entries(config)
      .filter(([key, value]) => key.startsWith(start) && value !== '')
      .map(([key, value]) => [key.slice(start.length), value]),
  );
}

/** The lines of `raw.idmap`; none when it is unset. */
export function readIdmap(config: StringMap): RawIdmap[] {
  return parseIdmapLines(readString(config, 'raw.idmap') ?? '') ?? [];
}

/** What `runtime` calls a seccomp policy. */
export function readSeccomp(config: StringMap): {
  readonly denyDefault: boolean;
  readonly deny: readonly string[];
  readonly allow: readonly string[];
} {
  return {
    denyDefault: readBool(config, 'security.syscalls.deny_default') ?? true,
    deny: parseSyscalls(readString(config, 'security.syscalls.deny') ?? '') ?? [],
    allow: parseSyscalls(readString(config, 'security.syscalls.allow') ?? '') ?? [],
  };
}
