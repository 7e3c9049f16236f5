import { formatCount, formatDuration, formatSize } from '../../base/units.ts';
import { addressesOf, stateWord } from '../boot.ts';
import { fingerprint, imageName } from './instance-columns.ts';
import { limitLines } from './limits.ts';
import { paint, paintState, plain, type Look } from './look.ts';
import { formatRelative, parseTime } from './time.ts';

import type { InstanceFull } from '../../contract/api/instances.ts';

/** One screen that answers "is it well?". */
export function formatInstance(instance: InstanceFull, look: Look): string {
  return `${[headline(instance, look), ...rows(instance, look)].join('\n')}\n`;
}

function headline(instance: InstanceFull, look: Look): string {
  const { state, name } = instance;
  const word = stateWord(state);
  const dot = state.status === 'Running' ? '●' : '○';
  const started = parseTime(state.warren?.started_at);
  const bootMs = state.warren?.boot_ms;
  const parts =
    state.status === 'Stopped'
      ? [stoppedHow(state.warren?.last_exit)]
      : [
          started === undefined ? word : `${word} since ${formatRelative(started, look.now)}`,
          ...(typeof bootMs === 'number' ? [`booted in ${formatDuration(bootMs)}`] : []),
        ];
  const text = parts.join(', ').replace(word, paintState(look, word));
  const description = instance.description === '' ? '' : `   ${plain(instance.description)}`;
  return `${paint(look, 'bold', name)}  ${dot} ${text}${description}`;
}

function stoppedHow(lastExit: string | null | undefined): string {
  if (lastExit === null || lastExit === undefined || lastExit === '') return 'stopped';
  return lastExit.startsWith('stopped') ? lastExit : `stopped, ${lastExit}`;
}

/** Two facts a line where they fit: a name of ten columns, then what there is to say. */
function rows(instance: InstanceFull, look: Look): readonly string[] {
  const { state } = instance;
  const base = fingerprint(instance).slice(0, 12);
  const image = imageName(instance);
  const created = formatRelative(parseTime(instance.created_at), look.now);
  const ids = state.warren?.ids;
  const running = state.status !== 'Stopped';
  return [
    row(
      'image',
      base === '' || base === image ? image : `${image} (${base})`,
      `created ${created}`,
    ),
    row(
      'ids',
      ids === undefined
        ? '-'
        : `${formatCount(ids.size)} from ${ids.start}, ${ids.isolated ? 'isolated' : 'shared'}${hasRawIdmap(instance) ? ', raw.idmap' : ''}`,
      pair('profiles', instance.profiles.join(', ') || 'none'),
    ),
    ...(running
      ? [row('address', addresses(instance), ports(instance))]
      : ports(instance) === ''
        ? []
        : [row('ports', ports(instance).replace(/^ports +/, ''))]),
    ...limitLines(instance).map((line, index) => row(index === 0 ? 'limits' : '', line)),
    row('storage', storage(instance)),
    row('snapshots', snapshots(instance, look)),
    ...(instance.ephemeral ? [row('ephemeral', 'deleted when it stops')] : []),
  ];
}

function hasRawIdmap({ expanded_config: config }: InstanceFull): boolean {
  return (config['raw.idmap'] ?? '') !== '';
}

function row(name: string, left: string, right = ''): string {
  const text = right === '' ? plain(left) : `${plain(left).padEnd(34)}  ${plain(right)}`;
  return `  ${name.padEnd(10)} ${text}`.trimEnd();
}

function pair(name: string, value: string): string {
  return `${name.padEnd(9)} ${value}`;
}

function addresses({ state }: InstanceFull): string {
  const all = [...addressesOf(state, 'inet'), ...addressesOf(state, 'inet6')];
  return all.length === 0 ? '-' : all.join('  ');
}

/** `ports     127.0.0.1:8080 → 80`. */
function ports({ expanded_devices: devices }: InstanceFull): string {
  const list = Object.values(devices)
    .filter(({ type }) => type === 'proxy')
    .map(({ listen = '', connect = '' }) => `${shortAddress(listen)} → ${portOf(connect)}`);
  return list.length === 0 ? '' : pair('ports', list.join(', '));
}

function shortAddress(listen: string): string {
  return listen.replace(/^tcp:/, '').replace(/^udp:(.*)$/, '$1/udp');
}

function portOf(connect: string): string {
  return connect.startsWith('unix:') ? connect.slice(5) : connect.replace(/^.*:/, '');
}

function storage({ state, expanded_devices: devices }: InstanceFull): string {
  const [device = 'root', disk] = Object.entries(state.disk)[0] ?? [];
  const pool = devices[device]?.['pool'];
  const known = disk !== undefined && disk.usage >= 0;
  const own = known ? `${formatSize(disk.usage)} of its own` : '-';
  const where = pool === undefined ? own : `${own} in pool ${pool}`;
  if (disk === undefined || disk.total <= 0) return where;
  // No ordinary user can set a quota: the limit refuses new layers and does not stop a guest.
  const over = known && disk.usage > disk.total ? ', beyond it: no snapshots and copies' : '';
  return `${where}   size ${formatSize(disk.total)} (soft${over})`;
}

function snapshots({ snapshots: list }: InstanceFull, look: Look): string {
  if (list.length === 0) return 'none';
  const older = list.length > mostSnapshots ? list.length - mostSnapshots : 0;
  const newest = list
    .slice(older)
    .map(({ name, created_at: at }) => `${name} (${formatRelative(parseTime(at), look.now)})`);
  return [...(older === 0 ? [] : [`${older} older`]), ...newest].join(', ');
}

/** What fits a screen; `warren snapshot list` has them all. */
const mostSnapshots = 4;
