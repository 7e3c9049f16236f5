/** How a value is written; `values.ts` has the rule for each. Values are strings on the wire. */
export type ValueType =
  | 'text'
  | 'bool'
  | 'integer'
  | 'size'
  | 'size-or-percent'
  | 'size-or-bool'
  | 'io-rate'
  | 'cpus'
  | 'cpu-allowance'
  | 'rlimit'
  | 'octal-mode'
  | 'duration'
  | 'schedule'
  | 'expiry'
  | 'idmap'
  | 'syscalls'
  | 'choice'
  | 'compression'
  | 'ipv4'
  | 'ipv4-subnet'
  | 'ipv4-ranges'
  | 'mac'
  | 'interface'
  | 'object-name'
  | 'snapshot-pattern'
  | 'domain'
  | 'host-path'
  | 'disk-source'
  | 'guest-path'
  | 'proxy-listen'
  | 'proxy-connect';

/** One row of a key table. */
export interface KeyRow {
  /** A whole name, or a prefix written `environment.*`. */
  readonly key: string;
  readonly type: ValueType;
  /** What holds when the key is unset; absent when unset means something of its own. */
  readonly default?: string;
  /** Takes effect on a running machine; otherwise at its next start. */
  readonly live: boolean;
  /** One sentence without a full stop. */
  readonly summary: string;
  /**
   * The only values accepted: of a `choice`, or those of LXD's that can be had here, with `why`.
   */
  readonly values?: readonly string[];
  /** Words that are accepted besides what the type describes. */
  readonly also?: readonly string[];
  /** Why LXD's other values cannot be had here. */
  readonly why?: string;
  readonly min?: number;
  readonly max?: number;
  /** Devices: it must be given. */
  readonly required?: boolean;
  /** Belongs to one machine and cannot stand in a profile. */
  readonly instanceOnly?: boolean;
  /** Earlier names that are still accepted. */
  readonly oldNames?: readonly string[];
  /** What the variable part of a prefix must look like. */
  readonly rest?: { readonly pattern: RegExp; readonly wanted: string };
}

/**
 * A key (or prefix) of LXD or Incus that warren refuses, and why: a clause that follows `X is not
 * supported by warren: `.
 */
export interface UnsupportedKey {
  readonly key: string;
  readonly why: string;
}

/** Finds the row of a name: exact first, then old names, then the longest prefix. */
export function findRow<
  Row extends { readonly key: string; readonly oldNames?: readonly string[] },
>(rows: readonly Row[], name: string): Row | undefined {
  const exact = rows.find((row) => row.key === name || row.oldNames?.includes(name) === true);
  if (exact !== undefined) return exact;
  return rows
    .filter((row) => row.key.endsWith('*') && isBelow(name, row.key))
    .sort((a, b) => b.key.length - a.key.length)[0];
}

function isBelow(name: string, pattern: string): boolean {
  const prefix = pattern.slice(0, -1);
  return name.startsWith(prefix) && (name.length > prefix.length || !prefix.endsWith('.'));
}
