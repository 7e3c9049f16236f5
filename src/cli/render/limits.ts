import { formatSize } from '../../base/units.ts';
import { memoryLimit } from './instance-columns.ts';

import type { InstanceFull, StringMap } from '../../contract/api/instances.ts';

/** How wide a line may become, beside the names of rows. */
const columns = 76;

/**
 * What a machine is held to, in one line or several. Of a running one it is what the kernel says,
 * with what is wanted and not held named as such; of a stopped one it is what is wanted.
 */
export function limitLines(instance: InstanceFull): string[] {
  const { state, expanded_config: config, expanded_devices: devices } = instance;
  const running = state.status !== 'Stopped';
  const said = state.warren?.limits ?? {};
  const held = stringsOf(said);
  const parts = [
    memory(instance, running, held),
    ...cpu(config, running, held),
    processes(instance, running),
    ...others.map((one) => other(one, config, running, held)),
    ...prefixed('limits.kernel.', config, running, said),
    ...prefixed('linux.sysctl.', config, running, said),
    ...disks(devices, running, held),
  ].filter((part) => part !== '');
  return parts.length === 0 ? ['none'] : inLines(parts);
}

type Said = Readonly<Record<string, string | null>>;

function stringsOf(said: Said): StringMap {
  return Object.fromEntries(
    Object.entries(said).flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
  );
}

function memory(instance: InstanceFull, running: boolean, held: StringMap): string {
  const { state, expanded_config: config } = instance;
  const most = memoryLimit(instance);
  const isSoft = held['memory.max'] === undefined && held['memory.high'] !== undefined;
  const text = [
    ...(running ? [formatSize(Math.max(0, state.memory.usage))] : []),
    ...bound(running, config['limits.memory'], most === undefined ? undefined : formatSize(most)),
    ...(isSoft ? ['(soft)'] : []),
  ].join(' ');
  return text === '' ? '' : `memory ${text}`;
}

function processes({ state, expanded_config: config }: InstanceFull, running: boolean): string {
  const most = state.warren?.processes_max ?? undefined;
  const text = [
    ...(running ? [String(Math.max(0, state.processes))] : []),
    ...bound(running, config['limits.processes'], most?.toString()),
  ].join(' ');
  return text === '' ? '' : `processes ${text}`;
}

/** What the kernel holds a running machine to, which may be less than what is wanted. */
function bound(
  running: boolean,
  wanted: string | undefined,
  held: string | undefined,
): readonly string[] {
  if (!running) return wanted === undefined ? [] : [held ?? wanted];
  if (held !== undefined) return [`of ${held}`];
  return wanted === undefined ? [] : [`(${wanted} not enforced)`];
}

function cpu(config: StringMap, running: boolean, held: StringMap): string[] {
  const { 'limits.cpu': count = '', 'limits.cpu.allowance': allowance = '' } = config;
  if (!running) {
    return [
      ...(count === '' ? [] : [`cpu ${count}`]),
      ...(allowance === '' ? [] : [`cpu time ${allowance}`]),
    ];
  }
  const [quota = '', period = ''] = (held['cpu.max'] ?? '').split(' ');
  const set = held['cpuset.cpus'];
  const wantsQuota = allowance.includes('/');
  const lacks = (wantsQuota && quota === '') || (count !== '' && quota === '' && set === undefined);
  const time = wantsQuota
    ? `cpu time ${Number(quota) / 1000}ms/${Number(period) / 1000}ms`
    : `cpu ${Number(quota) / Number(period)}`;
  return [
    ...(quota === '' ? [] : [time]),
    ...(set === undefined ? [] : [`on cpus ${set}`]),
    ...(lacks ? [`cpu (${wantsQuota ? allowance : count} not enforced)`] : []),
  ];
}

interface Other {
  readonly name: string;
  readonly file: string;
  /** Any of them asks for it. */
  readonly keys: readonly string[];
  readonly show: (held: string) => string;
  /** Values that ask for nothing. */
  readonly idle?: RegExp;
}

const bytes = (held: string): string => (held === '0' ? 'none' : formatSize(Number(held)));

const others: readonly Other[] = [
  {
    name: 'swap',
    file: 'memory.swap.max',
    keys: ['limits.memory.swap'],
    show: bytes,
    idle: /^(?:true|1|yes|on)$/i,
  },
  {
    name: 'cpu weight',
    file: 'cpu.weight',
    keys: ['limits.cpu.priority', 'limits.cpu.allowance'],
    show: String,
    idle: /^(?:10|100%|.*\/.*)$/,
  },
  {
    name: 'disk weight',
    file: 'io.weight',
    keys: ['limits.disk.priority'],
    show: (held) => held.replace('default ', ''),
    // The kernel's own weight is 100.
    idle: /^1$/,
  },
  ...['64KB', '1MB', '2MB', '1GB'].map((size) => ({
    name: `${size} pages`,
    file: `hugetlb.${size}.max`,
    keys: [`limits.hugepages.${size}`],
    show: bytes,
  })),
];

function other(
  { name, file, keys, show, idle }: Other,
  config: StringMap,
  running: boolean,
  held: StringMap,
): string {
  const key = keys.find((one) => {
    const value = config[one] ?? '';
    return value !== '' && idle?.test(value) !== true;
  });
  const found = held[file];
  if (running && found !== undefined) return `${name} ${show(found)}`;
  if (key === undefined) return '';
  const wanted = config[key] ?? '';
  return running ? `${name} (${wanted} not enforced)` : `${name} ${wanted}`;
}

/** Those that are shown as they are written. */
function prefixed(prefix: string, config: StringMap, running: boolean, said: Said): string[] {
  return Object.entries(config)
    .filter(([key, value]) => key.startsWith(prefix) && value !== '')
    .map(([key, value]) => {
      const name = key.slice(prefix.length);
      if (!running) return `${name} ${value}`;
      const found = said[key];
      if (found === null) return `${name} ${value} (cannot be read back)`;
      return found === undefined ? `${name} (${value} not enforced)` : `${name} ${found}`;
    });
}

const rateWords: Readonly<Record<string, string>> = {
  rbps: 'read',
  wbps: 'write',
  riops: 'read',
  wiops: 'write',
};

function disks(
  devices: InstanceFull['expanded_devices'],
  running: boolean,
  held: StringMap,
): string[] {
  const wanted = Object.entries(devices).flatMap(([name, keys]) =>
    ['limits.read', 'limits.write', 'limits.max'].flatMap((key) => {
      const value = keys[key] ?? '';
      return keys['type'] !== 'disk' || value === '' ? [] : [`${name} ${key}=${value}`];
    }),
  );
  if (!running) return wanted;
  const lines = (held['io.max'] ?? '').split('; ').filter(Boolean);
  if (lines.length === 0) return wanted.map((one) => `(${one} not enforced)`);
  return lines.map((line) => {
    const [block, ...rates] = line.split(' ');
    const shown = rates.flatMap((rate) => {
      const [name = '', value = ''] = rate.split('=');
      const word = rateWords[name];
      if (word === undefined || value === 'max') return [];
      const much = name.endsWith('iops') ? `${value} a second` : `${formatSize(Number(value))}/s`;
      return [`${word} ${much}`];
    });
    return `disk ${block} ${shown.join(', ')}`;
  });
}

function inLines(parts: readonly string[]): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && `${last}   ${part}`.length <= columns) {
      lines[lines.length - 1] = `${last}   ${part}`;
    } else {
      lines.push(part);
    }
  }
  return lines;
}
