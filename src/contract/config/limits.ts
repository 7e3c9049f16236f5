import { formatCpuSet, parseCpuSet } from '../../base/cpus.ts';
import { parseSize } from '../../base/units.ts';
import type { DeviceMap, StringMap } from '../api/instances.ts';

import { planDiskRates, tighterOf, type IoRates } from './disk-rates.ts';
import type { Expanded } from './expand.ts';
import { readInteger, readPrefix, readSize, readString } from './read.ts';
import { parseBool, parsePercent, parseQuota, parseRlimit } from './values.ts';

/** What a machine's limits are measured against. */
export interface LimitHost {
  readonly memoryBytes: number;
  /** cgroup controllers that machines can be limited with, such as `memory`. */
  readonly controllers: readonly string[];
  /**
   * The block device below a disk with this source, or below the storage pool, as `8:0`; undefined
   * for a source that is not there. Throws for one without. Absent where limits of disks do not
   * matter.
   */
  readonly blockDevice?: (device: string, source: string | undefined) => string | undefined;
}

/** Values for cgroup v2 files; an absent one means no limit. The same shape as the runtime's. */
export interface EffectiveCgroupLimits {
  memoryMaxBytes?: number;
  memoryHighBytes?: number;
  swapMaxBytes?: number;
  pidsMax?: number;
  cpuMax?: { readonly quotaUs: number; readonly periodUs: number };
  cpuWeight?: number;
  cpuset?: string;
  ioWeight?: number;
  hugetlbMax?: Readonly<Record<string, number>>;
  /** By block device, such as `8:0`. */
  ioMax?: Readonly<Record<string, IoRates>>;
}

export interface EffectiveLimits {
  readonly limits: EffectiveCgroupLimits;
  /**
   * The config entries behind `limits`, such as `limits.memory` → `512MiB`, for error sentences.
   */
  readonly keys: StringMap;
  /**
   * Optional entries left out of `limits` because the host lacks their controller; start says so.
   * The others stay in `limits`, for the runtime to refuse.
   */
  readonly skipped: readonly Missing[];
}

interface Missing {
  readonly key: string;
  readonly value: string;
  readonly controller: string;
}

/** What one config entry asks for: fields and the controller that holds them. */
interface Part {
  readonly key: string;
  /** Of a device; else what the config says. */
  readonly value?: string;
  readonly controller: 'memory' | 'pids' | 'cpu' | 'cpuset' | 'io' | 'hugetlb';
  readonly fields: EffectiveCgroupLimits;
}

const cpuPeriodUs = 100_000;

/** The cgroup limits that a validated, expanded config asks for on this host. */
export function effectiveLimits(
  {
    config,
    devices = {},
    optionalLimits,
  }: Pick<Expanded, 'config' | 'optionalLimits'> & Partial<Pick<Expanded, 'devices'>>,
  host: LimitHost,
): EffectiveLimits {
  const parts = [
    ...memoryParts(config, host),
    ...cpuParts(config),
    ...otherParts(config),
    ...hugepageParts(config),
    ...diskParts(devices, host),
  ];
  const isSkipped = ({ key, controller }: Part): boolean =>
    optionalLimits.has(key) && !host.controllers.includes(controller);
  const kept = parts.filter((part) => !isSkipped(part));
  const values = new Map(parts.map(({ key, value }) => [key, value ?? config[key] ?? '']));
  const value = (key: string): string => values.get(key) ?? '';
  return {
    limits: combine(kept.map((part) => part.fields)),
    keys: Object.fromEntries(kept.map(({ key }) => [key, value(key)])),
    skipped: parts
      .filter(isSkipped)
      .map(({ key, controller }) => ({ key, value: value(key), controller })),
  };
}

/** The rlimits of init, with the kernel's names; `Infinity` is unlimited. */
export function effectiveRlimits(
  config: StringMap,
): { readonly type: string; readonly soft: number; readonly hard: number }[] {
  return Object.entries(readPrefix(config, 'limits.kernel.*')).flatMap(([name, value]) => {
    const limit = parseRlimit(value);
    return limit === undefined ? [] : [{ type: `RLIMIT_${name.toUpperCase()}`, ...limit }];
  });
}

function memoryParts(config: StringMap, host: LimitHost): Part[] {
  const parts: Part[] = [];
  const text = readString(config, 'limits.memory');
  if (text !== undefined) {
    const percent = parsePercent(text);
    const bytes =
      percent === undefined ? parseSize(text) : Math.floor((host.memoryBytes * percent) / 100);
    const soft = readString(config, 'limits.memory.enforce') === 'soft';
    if (bytes !== undefined) {
      const fields = soft ? { memoryHighBytes: bytes } : { memoryMaxBytes: bytes };
      parts.push({ key: 'limits.memory', controller: 'memory', fields });
    }
  }
  const swap = readString(config, 'limits.memory.swap') ?? '';
  const swapMaxBytes =
    parseBool(swap) === false ? 0 : parseBool(swap) ? undefined : parseSize(swap);
  if (swapMaxBytes !== undefined) {
    parts.push({ key: 'limits.memory.swap', controller: 'memory', fields: { swapMaxBytes } });
  }
  return parts;
}

/**
 * `limits.cpu=2` is CPU time of two CPUs (cpu.max), since cpuset is not delegated to ordinary
 * users; a set is cpuset.cpus. `limits.cpu.allowance` as a quota narrows the former.
 */
function cpuParts(config: StringMap): Part[] {
  const parts: Part[] = [];
  const cpus = readString(config, 'limits.cpu');
  if (cpus !== undefined && /^\d+$/.test(cpus)) {
    const cpuMax = { quotaUs: Number(cpus) * cpuPeriodUs, periodUs: cpuPeriodUs };
    parts.push({ key: 'limits.cpu', controller: 'cpu', fields: { cpuMax } });
  } else if (cpus !== undefined) {
    const cpuset = formatCpuSet(parseCpuSet(cpus) ?? []);
    parts.push({ key: 'limits.cpu', controller: 'cpuset', fields: { cpuset } });
  }
  const allowance = readString(config, 'limits.cpu.allowance');
  const quota = parseQuota(allowance ?? '');
  if (quota !== undefined) {
    parts.push({ key: 'limits.cpu.allowance', controller: 'cpu', fields: { cpuMax: quota } });
  }
  const percent = parsePercent(allowance ?? '');
  const priority = config['limits.cpu.priority'] ?? '';
  if (percent !== undefined || priority !== '') {
    // 100 is cgroup v2's default weight; a lower priority takes off up to ten, as LXD does it.
    const cpuWeight = Math.max(
      1,
      (percent ?? 100) - (10 - Number(priority === '' ? 10 : priority)),
    );
    const key = percent === undefined ? 'limits.cpu.priority' : 'limits.cpu.allowance';
    parts.push({ key, controller: 'cpu', fields: { cpuWeight } });
  }
  return parts;
}

function otherParts(config: StringMap): Part[] {
  const parts: Part[] = [];
  const pidsMax = readInteger(config, 'limits.processes');
  if (pidsMax !== undefined) {
    parts.push({ key: 'limits.processes', controller: 'pids', fields: { pidsMax } });
  }
  const disk = config['limits.disk.priority'] ?? '';
  if (disk !== '') {
    const ioWeight = Math.max(10, Number(disk) * 100);
    parts.push({ key: 'limits.disk.priority', controller: 'io', fields: { ioWeight } });
  }
  return parts;
}

function hugepageParts(config: StringMap): Part[] {
  return (['64KB', '1MB', '2MB', '1GB'] as const).flatMap((size) => {
    const key = `limits.hugepages.${size}` as const;
    const bytes = readSize(config, key);
    if (bytes === undefined) return [];
    return [{ key, controller: 'hugetlb' as const, fields: { hugetlbMax: { [size]: bytes } } }];
  });
}

function diskParts(devices: DeviceMap, { blockDevice }: LimitHost): Part[] {
  if (blockDevice === undefined) return [];
  return planDiskRates(devices).flatMap(({ device, key, value, source, rates }) => {
    const block = blockDevice(device, source);
    if (block === undefined) return [];
    const fields = { ioMax: { [block]: rates } };
    return [{ key: `devices.${device}.${key}`, value, controller: 'io' as const, fields }];
  });
}

/**
 * Of two CPU quotas the tighter one holds, and of two rates of one block device; huge page sizes
 * add up to one map.
 */
function combine(all: readonly EffectiveCgroupLimits[]): EffectiveCgroupLimits {
  const result: EffectiveCgroupLimits = {};
  for (const fields of all) {
    const { cpuMax, hugetlbMax, ioMax } = result;
    Object.assign(result, fields);
    if (cpuMax !== undefined && fields.cpuMax !== undefined) {
      result.cpuMax = share(cpuMax) < share(fields.cpuMax) ? cpuMax : fields.cpuMax;
    }
    if (hugetlbMax !== undefined && fields.hugetlbMax !== undefined) {
      result.hugetlbMax = { ...hugetlbMax, ...fields.hugetlbMax };
    }
    if (ioMax !== undefined && fields.ioMax !== undefined) {
      result.ioMax = tighterOf(ioMax, fields.ioMax);
    }
  }
  return result;
}

function share({ quotaUs, periodUs }: { quotaUs: number; periodUs: number }): number {
  return quotaUs / periodUs;
}
