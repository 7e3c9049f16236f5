import { isMacAddress, parseIpv4, parseIpv4Range, parseIpv4Subnet } from '../../base/addresses.ts';
import { parseCpuSet } from '../../base/cpus.ts';
import { parseExpiry } from '../../base/expiry.ts';
import { isObjectName } from '../../base/names.ts';
import { parseSchedule } from '../../base/schedule.ts';
import { isSnapshotPattern } from '../../base/snapshot-pattern.ts';
import { hasControlCharacter } from '../../base/text.ts';
import { parseSize } from '../../base/units.ts';
import { compressions, parseCompression } from '../compression.ts';

import type { KeyRow, ValueType } from './key.ts';
import { parseProxyAddress } from './proxy-address.ts';

interface Rule {
  readonly ok: (value: string) => boolean;
  /** Follows `wanted`. */
  readonly wanted: string;
  /** Entries one per line: a newline is then no control character. */
  readonly lines?: boolean;
}

const proxyRule: Rule = {
  ok: (value) => parseProxyAddress(value) !== undefined,
  wanted:
    'tcp:ADDRESS:PORTS, udp:ADDRESS:PORTS or unix:/PATH without .., such as tcp:127.0.0.1:8080',
};

const rules: Readonly<Record<ValueType, Rule>> = {
  text: { ok: () => true, wanted: 'one line of text' },
  bool: { ok: (value) => parseBool(value) !== undefined, wanted: 'true or false' },
  integer: { ok: (value) => /^-?\d{1,15}$/.test(value), wanted: 'a whole number' },
  size: {
    ok: (value) => (parseSize(value) ?? 0) > 0,
    wanted: 'a number with a unit such as 512MiB',
  },
  'size-or-percent': {
    ok: (value) => (parsePercent(value) ?? parseSize(value) ?? 0) > 0,
    wanted: 'a number with a unit such as 512MiB, or a share of the host from 1% to 100%',
  },
  'size-or-bool': {
    ok: (value) => parseBool(value) !== undefined || (parseSize(value) ?? 0) > 0,
    wanted: 'true, false, or a number with a unit such as 512MiB',
  },
  'io-rate': {
    ok: (value) => parseIoRate(value) !== undefined,
    wanted: 'bytes a second such as 10MB, or operations such as 200iops',
  },
  cpus: {
    ok: (value) => /^[1-9]\d{0,3}$/.test(value) || isPinning(value),
    wanted: 'a number of CPUs such as 2, or a set of them such as 0-3 or 1,3',
  },
  'cpu-allowance': {
    ok: (value) => parsePercent(value) !== undefined || parseQuota(value) !== undefined,
    wanted: 'a share from 1% to 100% or a quota such as 25ms/100ms',
  },
  rlimit: {
    ok: (value) => parseRlimit(value) !== undefined,
    wanted: 'a number, unlimited, or SOFT:HARD with SOFT not above HARD',
  },
  'octal-mode': { ok: (value) => /^0?[0-7]{3}$/.test(value), wanted: 'a mode such as 0660' },
  duration: { ok: (value) => /^[1-9]\d{0,6}[smhd]?$/.test(value), wanted: 'a duration such as 1h' },
  schedule: {
    ok: (value) => parseSchedule(value) !== undefined,
    wanted: 'five cron fields such as "0 6 * * *", or names such as @hourly or @daily',
  },
  expiry: {
    ok: (value) => parseExpiry(value) !== undefined,
    wanted: 'amounts such as "2d" or "1w 12H", each unit (S M H d w m y) once',
  },
  idmap: {
    ok: (value) => parseIdmapLines(value) !== undefined,
    wanted: 'lines such as "both 1000 1000" (uid, gid or both, then host and machine ids)',
    lines: true,
  },
  syscalls: {
    ok: (value) => parseSyscalls(value) !== undefined,
    wanted: 'names of system calls, one per line or separated by commas',
    lines: true,
  },
  choice: { ok: () => true, wanted: 'one of the choices' },
  compression: {
    ok: (value) => parseCompression(value) !== undefined,
    wanted: `${compressions.join(', ')}, or one with a level such as "xz -9"`,
  },
  ipv4: {
    ok: (value) => parseIpv4(value) !== undefined,
    wanted: 'an IPv4 address such as 10.77.0.5',
  },
  'ipv4-subnet': {
    ok: (value) => isGatewaySubnet(value),
    wanted: 'an address with its prefix, from /8 to /30, such as 10.77.0.1/24',
  },
  'ipv4-ranges': {
    ok: (value) => value.split(',').every((range) => parseIpv4Range(range) !== undefined),
    wanted: 'ranges such as 10.77.0.50-10.77.0.99',
  },
  mac: { ok: isMacAddress, wanted: 'a hardware address such as 00:16:3e:12:34:56' },
  interface: {
    ok: (value) => /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(value),
    wanted: 'at most 15 letters, digits and ._-',
  },
  'object-name': { ok: isObjectName, wanted: 'at most 63 letters, digits and ._-' },
  'snapshot-pattern': {
    ok: isSnapshotPattern,
    wanted: 'letters, digits and ._- with %d or {{ creation_date }}, such as snap%d',
  },
  domain: { ok: isDomain, wanted: 'a domain such as warren or lab.example' },
  'host-path': { ok: isPlainPath, wanted: 'an absolute path without ..' },
  'disk-source': {
    ok: (value) => isPlainPath(value) || isObjectName(value),
    wanted: 'an absolute path without .., or with pool the name of a volume',
  },
  'guest-path': { ok: isPlainPath, wanted: 'an absolute path without ..' },
  'proxy-listen': proxyRule,
  'proxy-connect': proxyRule,
};

/**
 * What is wrong with the value of a key, as a clause, or undefined. The empty value is "unset" and
 * never wrong.
 */
export function valueProblem(row: KeyRow, value: string): string | undefined {
  if (value === '') return undefined;
  const rule = rules[row.type];
  if (hasControlCharacter(rule.lines === true ? value.replaceAll('\n', '') : value)) {
    return `${quote(value)} holds a control character, wanted ${rule.wanted}`;
  }
  if (row.also?.includes(value) === true) return undefined;
  if (!rule.ok(value)) return `${quote(value)} is not valid, wanted ${rule.wanted}`;
  if (row.values !== undefined && !row.values.includes(canonical(row.type, value))) {
    return row.why === undefined
      ? `${quote(value)} is not valid, wanted ${row.values.join(' or ')}`
      : `${quote(value)} is not supported by warren: ${row.why}`;
  }
  const { min = -Infinity, max = Infinity } = row;
  if (row.type === 'integer' && (Number(value) < min || Number(value) > max)) {
    return `${value} is out of range, wanted ${min === -Infinity ? '' : `at least ${min}`}${max === Infinity ? '' : `${min === -Infinity ? '' : ' and '}at most ${max}`}`;
  }
  return undefined;
}

/** A value in an error: quoted, with control characters visible, and short. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
}

/** LXD's spellings of yes and no, in any case. */
export function parseBool(value: string): boolean | undefined {
  const word = value.toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(word)) return true;
  return ['false', '0', 'no', 'off'].includes(word) ? false : undefined;
}

/** `25%` as 25; whole numbers from 1 to 100. */
export function parsePercent(value: string): number | undefined {
  const [, digits] = /^(\d{1,3})%$/.exec(value) ?? [];
  const percent = Number(digits ?? 0);
  return percent >= 1 && percent <= 100 ? percent : undefined;
}

/**
 * `25ms/100ms` in microseconds, within what cpu.max accepts (period 1 ms to 1 s, quota from 1 ms).
 */
export function parseQuota(value: string): { quotaUs: number; periodUs: number } | undefined {
  const [, quota, period] = /^(\d{1,6})ms\/(\d{1,4})ms$/.exec(value) ?? [];
  if (quota === undefined || period === undefined) return undefined;
  const periodMs = Number(period);
  if (Number(quota) < 1 || periodMs < 1 || periodMs > 1000) return undefined;
  return { quotaUs: Number(quota) * 1000, periodUs: periodMs * 1000 };
}

/**
 * `10MB` in bytes a second, `200iops` in operations a second, in any case of letters, as LXD reads
 * it.
 */
export function parseIoRate(
  value: string,
): { readonly unit: 'bps' | 'iops'; readonly perSecond: number } | undefined {
  const [, operations] = /^(\d{1,10})iops$/i.exec(value) ?? [];
  const perSecond = operations === undefined ? parseSize(value) : Number(operations);
  if (perSecond === undefined || perSecond < 1) return undefined;
  return { unit: operations === undefined ? 'bps' : 'iops', perSecond };
}

/** Soft and hard resource limit; `Infinity` is unlimited. */
export function parseRlimit(value: string): { soft: number; hard: number } | undefined {
  const [softText = '', hardText = softText, ...more] = value.split(':');
  const soft = parseLimit(softText);
  const hard = parseLimit(hardText);
  if (soft === undefined || hard === undefined || soft > hard || more.length > 0) return undefined;
  return { soft, hard };
}

function parseLimit(text: string): number | undefined {
  if (text === 'unlimited') return Infinity;
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** One line of `raw.idmap`: `count` host ids from `host` appear in the machine from `guest`. */
export interface RawIdmap {
  readonly kind: 'uid' | 'gid' | 'both';
  readonly host: number;
  readonly guest: number;
  readonly count: number;
}

/** `both 1000 1000`, `uid 50-60 500-510`, one per line; undefined when a line is none. */
export function parseIdmapLines(value: string): RawIdmap[] | undefined {
  const entries: RawIdmap[] = [];
  for (const line of value.split('\n')) {
    if (line.trim() === '') continue;
    const [, kind, hostFirst, hostLast = hostFirst, guestFirst, guestLast = guestFirst] =
      /^\s*(uid|gid|both)\s+(\d{1,10})(?:-(\d{1,10}))?\s+(\d{1,10})(?:-(\d{1,10}))?\s*$/.exec(
        line,
      ) ?? [];
    const host = Number(hostFirst);
    const guest = Number(guestFirst);
    const count = Number(hostLast) - host + 1;
    if (kind === undefined || count < 1 || Number(guestLast) - guest + 1 !== count)
      return undefined;
    if (Math.max(host, guest) + count > 2 ** 32 - 1) return undefined;
    entries.push({ kind: kind as RawIdmap['kind'], host, guest, count });
  }
  return entries;
}

/** Names of system calls; undefined when an entry is no name (LXC's actions are not understood). */
export function parseSyscalls(value: string): string[] | undefined {
  const names = value
    .split(/[\n,]/)
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return names.every((name) => /^[a-z_][a-z0-9_]{0,63}$/.test(name)) ? names : undefined;
}

/** A range, a list, or both; a bare number is a count. */
function isPinning(value: string): boolean {
  return /[-,]/.test(value) && parseCpuSet(value) !== undefined;
}

/**
 * The address must be one that a host can have: neither the network's nor the broadcast address.
 */
function isGatewaySubnet(value: string): boolean {
  const subnet = parseIpv4Subnet(value);
  if (subnet === undefined || subnet.prefix < 8 || subnet.prefix > 30) return false;
  return subnet.address !== subnet.first && subnet.address !== subnet.last;
}

function isDomain(value: string): boolean {
  return (
    value.length <= 253 &&
    value.split('.').every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(label))
  );
}

function isPlainPath(value: string): boolean {
  return value.startsWith('/') && value.length < 4096 && !value.split('/').includes('..');
}

function canonical(type: ValueType, value: string): string {
  return type === 'bool' ? `${parseBool(value) === true}` : value;
}
