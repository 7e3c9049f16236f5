import { formatSize } from '../../base/units.ts';
import type { DeviceMap, StringMap } from '../api/instances.ts';
import type { ConfigLayer } from '../config/expand.ts';
import { visibleDevices } from '../config/expand.ts';
import { instanceKeys } from '../config/instance-keys.ts';
import { findRow, type KeyRow } from '../config/key.ts';
import { parseProxyAddress } from '../config/proxy-address.ts';
import { printable } from '../config/validate.ts';
import { parseBool, quote } from '../config/values.ts';
import type { Issue } from '../errors.ts';
import { amountsOf } from './amounts.ts';
import { matchesPattern, type Ceilings, type Policy } from './policy.ts';

/** A machine as a policy sees it. */
export interface JudgedMachine {
  /** What it says itself. */
  readonly own: StringMap;
  /** What it comes to, with the policy's own keys. */
  readonly expanded: ConfigLayer;
}

export interface PolicyHost {
  readonly memoryBytes: number;
  /** Stands for `{user}` in paths. */
  readonly user: string;
}

/** Everything about one machine that the policy does not allow. Problems name the rule. */
export function machineIssues(policy: Policy, machine: JudgedMachine, host: PolicyHost): Issue[] {
  const { own, expanded } = machine;
  return [
    ...forcedIssues(policy, own),
    ...deniedIssues(policy, expanded.config),
    ...deviceIssues(policy, visibleDevices(expanded.devices), host),
    ...ceilingIssues(policy.each, expanded, host),
  ];
}

/** Whether a path of the host, its links resolved, is one that machines may be given. */
export function isAllowedPath(policy: Policy, path: string, user: string): boolean {
  const paths = policy.devices.paths?.map((entry) => trimmed(entry.replaceAll('{user}', user)));
  const normal = trimmed(path);
  return (
    paths?.every(
      (entry) => normal !== entry && !normal.startsWith(entry === '/' ? '/' : `${entry}/`),
    ) !== true
  );
}

/** For sentences: `devices.paths allows only /srv`. */
export function allowedPaths(policy: Policy): string {
  return onlyAllows('devices.paths', policy.devices.paths ?? []);
}

function forcedIssues({ force }: Policy, own: StringMap): Issue[] {
  return Object.entries(force).flatMap(([key, wanted]) => {
    const value = own[key] ?? '';
    if (value === '' || isSame(value, wanted)) return [];
    const problem = `${quote(value)} is not allowed, force sets it to ${quote(wanted)}`;
    return [{ path: `config.${key}`, problem }];
  });
}

function isSame(a: string, b: string): boolean {
  return a === b || (parseBool(a) !== undefined && parseBool(a) === parseBool(b));
}

/** A denied key may say what holds anyway. */
function deniedIssues({ deny, force }: Policy, config: StringMap): Issue[] {
  return Object.entries(config).flatMap(([key, value]) => {
    const row = findRow<KeyRow>(instanceKeys, key);
    const name = row === undefined || row.key.endsWith('*') ? key : row.key;
    if (value === '' || key in force || !matchesPattern(deny, name)) return [];
    if (row?.default !== undefined && isSame(value, row.default)) return [];
    const rule = deny.find((pattern) => matchesPattern([pattern], name)) ?? name;
    return [{ path: `config.${printable(key)}`, problem: `not allowed, deny has ${rule}` }];
  });
}

function deviceIssues(policy: Policy, devices: DeviceMap, { user }: PolicyHost): Issue[] {
  const { types, listen } = policy.devices;
  return Object.entries(devices).flatMap(([name, device]): Issue[] => {
    const type = device['type'] ?? '';
    if (type === 'disk' && device['path'] === '/') return [];
    const path = `devices.${printable(name)}`;
    if (types?.includes(type) === false) {
      const problem = `${quote(type)} is not allowed, ${onlyAllows('devices.types', types)}`;
      return [{ path: `${path}.type`, problem }];
    }
    const issues: Issue[] = [];
    for (const [key, place] of hostPaths(device)) {
      if (isAllowedPath(policy, place, user)) continue;
      const problem = `${quote(place)} is not allowed, ${allowedPaths(policy)}`;
      issues.push({ path: `${path}.${key}`, problem });
    }
    const endpoint =
      device['bind'] === 'instance' ? undefined : parseProxyAddress(device['listen'] ?? '');
    if (type === 'proxy' && endpoint !== undefined && endpoint.kind !== 'unix') {
      if (listen?.includes(endpoint.host) === false) {
        const problem = `${quote(endpoint.host)} is not allowed, ${onlyAllows('devices.listen', listen)}`;
        issues.push({ path: `${path}.listen`, problem });
      }
    }
    return issues;
  });
}

/** Paths of the host that a device hands out or makes. */
function hostPaths(device: StringMap): readonly (readonly [key: string, path: string])[] {
  const filled = (key: string): string => device[key] ?? '';
  // A volume is warren's own and no path of the host.
  if (device['type'] === 'disk') return filled('pool') === '' ? [['source', filled('source')]] : [];
  if (device['type'] === 'unix-char') {
    return [['source', filled('source') === '' ? filled('path') : filled('source')]];
  }
  if (device['type'] !== 'proxy') return [];
  const key = device['bind'] === 'instance' ? 'connect' : 'listen';
  const endpoint = parseProxyAddress(filled(key));
  return endpoint?.kind === 'unix' ? [[key, endpoint.path]] : [];
}

interface Amount {
  readonly field: keyof Ceilings;
  readonly rule: string;
  /** The key to set, as an issue's path. */
  readonly path: string;
  readonly unset: string;
  readonly format: (amount: number) => string;
}

/** The amounts that ceilings can be for. */
export const amounts: readonly Amount[] = [
  {
    field: 'memoryBytes',
    rule: 'memory',
    path: 'config.limits.memory',
    unset: 'no hard limit is set',
    format: formatSize,
  },
  {
    field: 'cpus',
    rule: 'cpu',
    path: 'config.limits.cpu',
    unset: 'no number of CPUs and no quota is set',
    format: (cpus) => `${Number(cpus.toFixed(2))}`,
  },
  {
    field: 'processes',
    rule: 'processes',
    path: 'config.limits.processes',
    unset: 'no limit is set',
    format: String,
  },
  {
    field: 'diskBytes',
    rule: 'disk',
    path: 'devices.root.size',
    unset: 'no size is set',
    format: formatSize,
  },
];

function ceilingIssues(
  each: Ceilings,
  expanded: ConfigLayer,
  { memoryBytes }: PolicyHost,
): Issue[] {
  const has = amountsOf(expanded, memoryBytes);
  return amounts.flatMap(({ field, rule, path, unset, format }) => {
    const most = each[field];
    const amount = has[field];
    if (most === undefined || (amount !== undefined && amount <= most)) return [];
    const found = amount === undefined ? unset : `${format(amount)} is too much`;
    return [{ path, problem: `${found}, each.${rule} allows ${format(most)}` }];
  });
}

function onlyAllows(rule: string, list: readonly string[]): string {
  return `${rule} allows ${list.length === 0 ? 'none' : `only ${list.join(', ')}`}`;
}

function trimmed(path: string): string {
  return path.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '');
}
