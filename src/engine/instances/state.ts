import type { DeviceMap, InstanceStateNetwork, StringMap } from '../../contract/api/instances.ts';
import type { ConfigLayer } from '../../contract/config/expand.ts';
import { readPrefix } from '../../contract/config/read.ts';
import { readSysctlsOf } from '../../sys/kernel/sysctls.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import { toOutside } from '../../userns/idmap.ts';
import type { DiskMeter } from '../live/disk-meter.ts';
import type { EngineDeps, InstanceRecord, LastExit, SliceRecord } from '../types.ts';
import { rootDisk } from './disk-use.ts';
import { heldRlimits } from './rlimits.ts';

export type InstanceStatus = 'Running' | 'Stopped' | 'Frozen' | 'Starting' | 'Stopping';

/** What a machine is now, asked of the kernel. Cheap enough for lists. */
export function statusOf(deps: EngineDeps, record: InstanceRecord): InstanceStatus {
  const transition = deps.live.transition(record.id);
  if (transition !== undefined) return transition;
  if (!isRunning(deps, record)) return 'Stopped';
  return deps.live.find(record.id)?.frozen === true ? 'Frozen' : 'Running';
}

/** Whether its init lives. */
export function isRunning(
  deps: Pick<EngineDeps, 'runtime' | 'bootId'>,
  record: InstanceRecord,
): boolean {
  const { run } = record;
  return run?.init.bootId === deps.bootId && deps.runtime.isAlive(run.init);
}

export interface InstanceStateReport {
  readonly status: InstanceStatus;
  /** 0 when stopped. U0 shares the host's pid namespace. */
  readonly pid: number;
  readonly processes: number;
  /** The limit as the kernel has it, or undefined for none. */
  readonly processesMax: number | undefined;
  readonly cpuUsageNs: number;
  readonly memory: {
    readonly usageBytes: number;
    readonly peakBytes: number;
    /** The limit, or 0 for none. */
    readonly totalBytes: number;
    readonly swapBytes: number;
  };
  /**
   * Root disk's device name → bytes of its own, -1 when that is not known yet; `size`, or 0 for
   * none.
   */
  readonly disk: Readonly<
    Record<string, { readonly usageBytes: number; readonly totalBytes: number }>
  >;
  readonly network: Readonly<Record<string, InstanceStateNetwork>>;
  readonly boot: 'starting' | 'booted' | 'degraded' | 'stopped';
  readonly startedAtMs: number | undefined;
  readonly bootedAtMs: number | undefined;
  readonly lastExit: LastExit | undefined;
  /**
   * What the kernel says it holds it to: files of its cgroup, `limits.kernel.…` of its init, and
   * `linux.sysctl.…` of its namespaces, null where it does not say. Empty when it does not run, and
   * in lists.
   */
  readonly held: Readonly<Record<string, string | null>>;
  /** Its user ids as the host has them. */
  readonly hostIds: { readonly start: number; readonly size: number; readonly isolated: boolean };
}

/**
 * Everything `state` shows of one machine, whose merged settings the caller has. To measure `disk`,
 * every file of the machine is walked: a list makes do with what is `known`, so that nobody's
 * million files hold it up, and who looks often with the `last` figure.
 */
export async function readInstanceState(
  deps: EngineDeps,
  record: InstanceRecord,
  { config, devices }: ConfigLayer,
  disk: 'measured' | 'known' | 'last' = 'measured',
): Promise<InstanceStateReport> {
  const status = statusOf(deps, record);
  const run = isRunning(deps, record) ? record.run : undefined;
  // With the record and not after the reading, for it may boot meanwhile.
  const boot = run === undefined ? 'stopped' : (deps.live.find(record.id)?.boot.stage ?? 'booted');
  const [usage, network, diskBytes, held] = await Promise.all([
    run === undefined ? undefined : orUndefined(deps.runtime.usage(record.name)),
    run === undefined ? undefined : orUndefined(deps.networks.interfaces(run.init.pid)),
    readDisk(deps.live.disks, record.id, disk),
    run === undefined || disk === 'known' ? {} : heldLimits(deps, record.name, config, run),
  ]);
  return {
    status,
    pid: run?.init.pid ?? 0,
    processes: usage?.processes ?? 0,
    processesMax: usage?.processesMax,
    cpuUsageNs: usage?.cpuUsageNs ?? 0,
    memory: {
      usageBytes: usage?.memoryBytes ?? 0,
      peakBytes: usage?.memoryPeakBytes ?? 0,
      totalBytes: usage?.memoryMaxBytes ?? 0,
      swapBytes: usage?.swapBytes ?? 0,
    },
    disk: diskOf(devices, diskBytes),
    network: network ?? {},
    boot,
    startedAtMs: run?.startedAtMs,
    bootedAtMs: run?.bootedAtMs,
    lastExit: run === undefined ? exitOf(deps, record) : undefined,
    held,
    hostIds: hostIds(deps, record.slice),
  };
}

async function heldLimits(
  { runtime }: EngineDeps,
  name: string,
  config: StringMap,
  { init }: NonNullable<InstanceRecord['run']>,
): Promise<InstanceStateReport['held']> {
  try {
    return {
      ...runtime.heldLimits(name),
      ...heldRlimits(config, init.pid),
      ...(await heldSysctls(config, init.pid)),
    };
  } catch (error) {
    // It may end at any moment while it is looked at.
    if (hasErrno(error, 'ENOENT', 'ENODEV', 'ESRCH')) return {};
    throw error;
  }
}

/** The configured ones as its namespaces have them: `linux.sysctl.net.core.somaxconn` → `512`. */
async function heldSysctls(
  config: StringMap,
  initPid: number,
): Promise<InstanceStateReport['held']> {
  const keys = Object.keys(readPrefix(config, 'linux.sysctl.*'));
  if (keys.length === 0) return {};
  const held = await readSysctlsOf(initPid, keys);
  return Object.fromEntries(
    Object.entries(held).map(([key, value]) => [`linux.sysctl.${key}`, value]),
  );
}

function readDisk(
  disks: DiskMeter,
  instanceId: number,
  disk: 'measured' | 'known' | 'last',
): Promise<number | undefined> | number | undefined {
  if (disk === 'measured') return disks.read(instanceId);
  return disk === 'known' ? disks.peek(instanceId) : disks.last(instanceId);
}

function hostIds(
  { ids }: EngineDeps,
  { start, size, isolated }: SliceRecord,
): InstanceStateReport['hostIds'] {
  return { start: toOutside(ids.u0.uid, start) ?? start, size, isolated };
}

/** A machine may end at any moment while it is looked at: then there is nothing to report. */
async function orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch(() => undefined);
}

function diskOf(devices: DeviceMap, bytes: number | undefined): InstanceStateReport['disk'] {
  const { device, sizeBytes } = rootDisk(devices);
  return { [device]: { usageBytes: bytes ?? -1, totalBytes: sizeBytes ?? 0 } };
}

function exitOf(deps: EngineDeps, record: InstanceRecord): LastExit | undefined {
  if (record.run === undefined) return record.lastExit;
  return record.run.init.bootId === deps.bootId ? { kind: 'unknown' } : { kind: 'host-restart' };
}

const exitWords: Readonly<Record<Exclude<LastExit['kind'], 'crashed'>, string>> = {
  halted: 'halted',
  rebooted: 'rebooted',
  killed: 'killed',
  'host-restart': 'stopped by a restart of the host',
  unknown: 'stopped, reason unknown',
};

/** `halted`, `crashed (signal 9)`, `stopped, reason unknown`, … */
export function formatLastExit(exit: LastExit): string {
  return exit.kind === 'crashed' ? `crashed (${exit.detail})` : exitWords[exit.kind];
}
