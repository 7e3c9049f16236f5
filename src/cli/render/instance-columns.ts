import { formatSize, parseSize } from '../../base/units.ts';
import { addressesOf, stateWord } from '../boot.ts';
import { UsageError } from '../usage-error.ts';
import { paintState, type Look } from './look.ts';
import { idCell, sizeCell, timeCell } from './cells.ts';

import type { InstanceFull } from '../../contract/api/instances.ts';
import type { Cell, Column } from './table.ts';

export interface InstanceColumn extends Column {
  readonly cell: (instance: InstanceFull, look: Look) => Cell;
}

/** lxc's letters, with `i` for the image's name. */
const columns: Readonly<Record<string, InstanceColumn>> = {
  n: { title: 'NAME', cell: ({ name }) => name },
  s: {
    title: 'STATE',
    cell: ({ state }, look) => {
      const text = stateWord(state);
      return { text, painted: paintState(look, text) };
    },
  },
  '4': { title: 'IPV4', cell: ({ state }) => joined(addressesOf(state, 'inet')) },
  '6': { title: 'IPV6', cell: ({ state }) => joined(addressesOf(state, 'inet6')) },
  i: { title: 'IMAGE', cell: imageName },
  P: { title: 'PROFILES', cell: ({ profiles }) => joined(profiles) },
  m: { title: 'MEMORY', align: 'right', cell: memory },
  M: { title: 'MEMORY%', align: 'right', cell: memoryShare },
  S: { title: 'SNAPSHOTS', align: 'right', cell: ({ snapshots }) => String(snapshots.length) },
  t: { title: 'TYPE', cell: ({ ephemeral, type }) => (ephemeral ? `${type} (ephemeral)` : type) },
  a: { title: 'ARCHITECTURE', cell: ({ architecture }) => architecture },
  b: { title: 'POOL', cell: ({ expanded_devices: devices }) => devices['root']?.['pool'] ?? '-' },
  c: {
    title: 'CREATED',
    cell: ({ created_at: at }, { now }) => timeCell(at, now),
  },
  l: {
    title: 'LAST USED',
    cell: ({ last_used_at: at }, { now }) => timeCell(at, now),
  },
  d: { title: 'DESCRIPTION', cell: ({ description }) => description },
  D: { title: 'DISK', align: 'right', cell: ({ state }) => sizeCell(state.disk['root']?.usage) },
  f: { title: 'BASE IMAGE', cell: (instance) => idCell(fingerprint(instance), 12) },
  F: { title: 'BASE IMAGE', cell: (instance) => fingerprint(instance) || '-' },
  N: { title: 'PROCESSES', align: 'right', cell: ({ state }) => numberOrDash(state.processes) },
  p: { title: 'PID', align: 'right', cell: ({ state }) => numberOrDash(state.pid) },
  u: { title: 'CPU USED', align: 'right', cell: ({ state }) => seconds(state.cpu.usage) },
  e: { title: 'PROJECT', cell: ({ project }) => project },
  L: { title: 'LOCATION', cell: ({ location }) => location },
};

export const defaultColumns = 'ns4iPmS';

/**
 * Letters such as `ns4`, and keys behind commas, as lxc has them: `ns,user.owner`,
 * `devices:eth0.network`, each with a title and a most width where they are given:
 * `user.owner:OWNER:12`.
 */
export function parseColumns(text: string): readonly InstanceColumn[] {
  if (/^,*$/.test(text)) {
    throw new UsageError(`Cannot show no columns: wanted letters such as ${defaultColumns}`);
  }
  return text.split(',').flatMap((part, index) => {
    if (/[.:]/.test(part)) return [keyColumn(part)];
    if (part === '' && index > 0) return [];
    return part.split('').map((letter) => {
      const column = columns[letter];
      if (column !== undefined) return column;
      const known = Object.entries(columns).map(
        ([key, { title }]) => `${key} ${title.toLowerCase()}`,
      );
      throw new UsageError(`Cannot show column "${letter}": wanted letters of ${known.join(', ')}`);
    });
  });
}

function keyColumn(text: string): InstanceColumn {
  const match = /^(?:(config|devices):)?([^:]+)(?::([^:]*))?(?::(-1|\d+))?$/.exec(text);
  if (match === null) {
    throw new UsageError(
      `Cannot show column "${text}": wanted KEY, KEY:TITLE or KEY:TITLE:WIDTH, with devices: before a key of a device`,
    );
  }
  const [, kind, key = '', wanted = '', most = '-1'] = match;
  const title = wanted === '' ? key.toUpperCase() : wanted;
  // 0 is as wide as its title.
  const width = most === '-1' ? undefined : Number(most) || title.length;
  return {
    title,
    cell: (instance) => {
      const value =
        (kind === 'devices' ? deviceKey(instance, key) : configKey(instance, key)) ?? '-';
      return { text: value.slice(0, width), value };
    },
  };
}

function configKey({ expanded_config: config }: InstanceFull, key: string): string | undefined {
  return config[key];
}

/** `eth0.ipv4.address`: the device, and what is behind the first dot. */
function deviceKey({ expanded_devices: devices }: InstanceFull, path: string): string | undefined {
  const [device = '', ...key] = path.split('.');
  return devices[device]?.[key.join('.')];
}

/** The name a person gave: alias or recipe where known, else the image's own words. */
export function imageName(instance: Pick<InstanceFull, 'config'>): string {
  const { config } = instance;
  const os = config['image.os']?.toLowerCase();
  const release = config['image.release'];
  return (
    config['image.name'] ??
    (os !== undefined && release !== undefined ? `${os}/${release}` : undefined) ??
    config['image.description'] ??
    (fingerprint(instance).slice(0, 12) || '-')
  );
}

export function fingerprint({ config }: Pick<InstanceFull, 'config'>): string {
  return config['volatile.base_image'] ?? '';
}

/** Bytes that `limits.memory` allows, when it is an amount. */
export function memoryLimit({
  expanded_config: config,
  state,
}: Pick<InstanceFull, 'expanded_config' | 'state'>): number | undefined {
  if (state.status !== 'Stopped') return state.memory.total > 0 ? state.memory.total : undefined;
  const limit = config['limits.memory'];
  return limit === undefined ? undefined : parseSize(limit);
}

function memory(instance: InstanceFull): Cell {
  const { usage } = instance.state.memory;
  if (usage <= 0) return '-';
  const limit = memoryLimit(instance);
  if (limit === undefined) return sizeCell(usage);
  return { text: `${formatSize(usage)} / ${formatSize(limit)}`, value: String(usage) };
}

function memoryShare(instance: InstanceFull): Cell {
  const { usage, total } = instance.state.memory;
  const limit = memoryLimit(instance) ?? total;
  if (usage <= 0 || limit <= 0) return '-';
  const value = ((usage / limit) * 100).toFixed(1);
  return { text: `${value}%`, value };
}

function joined(items: readonly string[]): string {
  return items.length === 0 ? '-' : items.join(', ');
}

function numberOrDash(number: number): string {
  return number > 0 ? String(number) : '-';
}

/** For programs with all the digits that there are. */
function seconds(nanoseconds: number): Cell {
  const value = nanoseconds / 1e9;
  return value > 0 ? { text: `${value.toFixed(1)}s`, value: value.toFixed(9) } : '-';
}
