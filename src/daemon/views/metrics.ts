import { ownNameOf, projectOf } from '../../base/names.ts';
import type { InstanceStateNetwork } from '../../contract/api/instances.ts';
import type { Measurement } from '../../engine/instances/measure.ts';

export const metricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** What is told besides the machines. */
export interface MetricsInput {
  readonly machines: readonly Measurement[];
  /** Of the host, for machines without a limit; bytes. */
  readonly hostMemoryBytes: number;
  /** Of the file system that machines lie on; bytes. */
  readonly filesystem: { readonly size: number; readonly free: number; readonly available: number };
  /** A block device's name, by `MAJOR:MINOR`. */
  readonly deviceName: (numbers: string) => string;
  readonly server: {
    readonly instances: number;
    readonly operations: number;
    readonly warnings: number;
    readonly uptimeSeconds: number;
  };
}

type Labels = Readonly<Record<string, string>>;
type Sample = readonly [value: number | undefined, labels?: Labels];

interface Family {
  /** As LXD names it; a counter's without `_total`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  /** Of one machine. What is undefined is not told. */
  readonly of: (machine: Measurement, input: MetricsInput) => readonly Sample[];
}

const interfaces =
  (read: (counters: InstanceStateNetwork['counters']) => number): Family['of'] =>
  ({ network }) =>
    Object.entries(network).map(([device, { counters }]) => [read(counters), { device }]);

const disks =
  (key: string): Family['of'] =>
  ({ accounts }, { deviceName }) =>
    Object.entries(accounts.io).map(([numbers, io]) => [io[key], { device: deviceName(numbers) }]);

const memoryStat = (
  name: string,
  help: string,
  read: (stat: Readonly<Record<string, number>>) => number | undefined,
): Family => ({
  name: `lxd_memory_${name}_bytes`,
  type: 'gauge',
  help,
  of: ({ accounts: { memory } }) => [[memory === undefined ? undefined : read(memory)]],
});

const total = ({ usage }: Measurement, { hostMemoryBytes }: MetricsInput): number =>
  usage.memoryMaxBytes ?? hostMemoryBytes;
const free = (machine: Measurement, input: MetricsInput): number =>
  Math.max(0, total(machine, input) - machine.usage.memoryBytes);

const root = { device: 'overlay', fstype: 'overlay', mountpoint: '/' };

// prettier-ignore
const families: readonly Family[] = [
  { name: 'lxd_cpu_seconds', type: 'counter', help: 'CPU time used', of: ({ accounts: { cpu } }) => [
    [(cpu['user_usec'] ?? 0) / 1e6, { cpu: '0', mode: 'user' }],
    [(cpu['system_usec'] ?? 0) / 1e6, { cpu: '0', mode: 'system' }],
  ] },
  { name: 'lxd_disk_read_bytes', type: 'counter', help: 'Bytes read from a disk', of: disks('rbytes') },
  { name: 'lxd_disk_reads_completed', type: 'counter', help: 'Reads of a disk', of: disks('rios') },
  { name: 'lxd_disk_written_bytes', type: 'counter', help: 'Bytes written to a disk', of: disks('wbytes') },
  { name: 'lxd_disk_writes_completed', type: 'counter', help: 'Writes to a disk', of: disks('wios') },
  { name: 'lxd_filesystem_avail_bytes', type: 'gauge', help: 'Space that may be used', of: (_, { filesystem }) => [[filesystem.available, root]] },
  { name: 'lxd_filesystem_free_bytes', type: 'gauge', help: 'Space that is free', of: (_, { filesystem }) => [[filesystem.free, root]] },
  { name: 'lxd_filesystem_size_bytes', type: 'gauge', help: 'Size of the file system', of: (_, { filesystem }) => [[filesystem.size, root]] },
  memoryStat('Active_anon', 'Anonymous memory in recent use', (stat) => stat['active_anon']),
  memoryStat('Active_file', 'Cached files in recent use', (stat) => stat['active_file']),
  memoryStat('Active', 'Memory in recent use', (stat) => (stat['active_anon'] ?? 0) + (stat['active_file'] ?? 0)),
  memoryStat('Cached', 'Memory that holds files', (stat) => stat['file']),
  memoryStat('Dirty', 'Memory that is to be written to disk', (stat) => stat['file_dirty']),
  memoryStat('Inactive_anon', 'Anonymous memory not in recent use', (stat) => stat['inactive_anon']),
  memoryStat('Inactive_file', 'Cached files not in recent use', (stat) => stat['inactive_file']),
  memoryStat('Inactive', 'Memory not in recent use', (stat) => (stat['inactive_anon'] ?? 0) + (stat['inactive_file'] ?? 0)),
  memoryStat('Mapped', 'Files that are mapped', (stat) => stat['file_mapped']),
  { name: 'lxd_memory_MemAvailable_bytes', type: 'gauge', help: 'Memory to be had', of: (machine, input) => [[Math.min(total(machine, input), free(machine, input) + (machine.accounts.memory?.['inactive_file'] ?? 0))]] },
  { name: 'lxd_memory_MemFree_bytes', type: 'gauge', help: 'Memory that is not used', of: (machine, input) => [[free(machine, input)]] },
  { name: 'lxd_memory_MemTotal_bytes', type: 'gauge', help: 'The limit of memory, or what the host has', of: (machine, input) => [[total(machine, input)]] },
  { name: 'lxd_memory_OOM_kills', type: 'counter', help: 'Processes killed for want of memory', of: ({ accounts }) => [[accounts.memoryEvents?.['oom_kill']]] },
  memoryStat('RSS', 'Anonymous memory', (stat) => stat['anon']),
  memoryStat('Shmem', 'Shared memory', (stat) => stat['shmem']),
  { name: 'lxd_memory_Swap_bytes', type: 'gauge', help: 'Memory that is swapped out', of: ({ usage }) => [[usage.swapBytes]] },
  memoryStat('Unevictable', 'Memory that cannot be taken back', (stat) => stat['unevictable']),
  memoryStat('Writeback', 'Memory being written to disk', (stat) => stat['file_writeback']),
  { name: 'lxd_network_receive_bytes', type: 'counter', help: 'Bytes received', of: interfaces((c) => c.bytes_received) },
  { name: 'lxd_network_receive_drop', type: 'counter', help: 'Received packets dropped', of: interfaces((c) => c.packets_dropped_inbound) },
  { name: 'lxd_network_receive_errs', type: 'counter', help: 'Errors while receiving', of: interfaces((c) => c.errors_received) },
  { name: 'lxd_network_receive_packets', type: 'counter', help: 'Packets received', of: interfaces((c) => c.packets_received) },
  { name: 'lxd_network_transmit_bytes', type: 'counter', help: 'Bytes sent', of: interfaces((c) => c.bytes_sent) },
  { name: 'lxd_network_transmit_drop', type: 'counter', help: 'Packets to be sent dropped', of: interfaces((c) => c.packets_dropped_outbound) },
  { name: 'lxd_network_transmit_errs', type: 'counter', help: 'Errors while sending', of: interfaces((c) => c.errors_sent) },
  { name: 'lxd_network_transmit_packets', type: 'counter', help: 'Packets sent', of: interfaces((c) => c.packets_sent) },
  { name: 'lxd_procs_total', type: 'gauge', help: 'Processes', of: ({ usage }) => [[usage.processes]] },
];

/**
 * The metrics of machines and of the server, with the names that LXD gives them, in the format of
 * OpenMetrics 1.0. A family without samples is left out.
 */
export function formatMetrics(input: MetricsInput): string {
  const { server } = input;
  const lines = families.flatMap(({ name, type, help, of }) => {
    const series = type === 'counter' ? `${name}_total` : name;
    const samples = input.machines.flatMap((machine) =>
      of(machine, input).flatMap(([value, labels = {}]) =>
        value === undefined ? [] : [`${series}${formatLabels(machine, labels)} ${value}`],
      ),
    );
    return samples.length === 0 ? [] : [...head(name, type, help), ...samples];
  });
  const gauge = (name: string, help: string, value: number): string[] => [
    ...head(name, 'gauge', help),
    `${name} ${value}`,
  ];
  return [
    ...lines,
    ...gauge('lxd_instances', 'Machines, running or not', server.instances),
    ...gauge('lxd_operations_total', 'Operations that go on', server.operations),
    ...gauge('lxd_uptime_seconds', 'Seconds since the daemon started', server.uptimeSeconds),
    ...gauge('lxd_warnings_total', 'Warnings', server.warnings),
    '# EOF',
    '',
  ].join('\n');
}

function head(name: string, type: Family['type'], help: string): string[] {
  return [`# HELP ${name} ${help}.`, `# TYPE ${name} ${type}`];
}

function formatLabels({ name }: Measurement, more: Labels): string {
  const all = { name: ownNameOf(name), project: projectOf(name), type: 'container', ...more };
  const pairs = Object.entries(all).map(([key, value]) => `${key}="${escape(value)}"`);
  return `{${pairs.join(',')}}`;
}

/** Interfaces are named inside, by whoever is root there. */
function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
