import { run } from '../../sys/programs/run.ts';
import { ioRateNames, type IoRates } from '../../contract/config/disk-rates.ts';
import type { CgroupLimits } from '../types.ts';

/** A property as busctl(1) takes it: name, D-Bus signature, words of the value. */
export type UnitProperty = readonly [name: string, type: 't' | 'ay' | 'a(st)', ...value: string[]];

/** What systemd writes as `max`, and takes for a weight that is not set. */
const infinity = String(2n ** 64n - 1n);

/**
 * The limits as properties of a scope (org.freedesktop.systemd1(5)), each also when there is none:
 * what systemd is not told it fills in by itself. Controllers that are not delegated are left out.
 */
export function planUnitProperties(
  limits: CgroupLimits,
  controllers: readonly string[],
): UnitProperty[] {
  const { memoryMaxBytes, memoryHighBytes, swapMaxBytes, pidsMax, cpuMax, cpuWeight } = limits;
  const rows: readonly (readonly [controller: string, property: UnitProperty])[] = [
    ['memory', ['MemoryMax', 't', text(memoryMaxBytes)]],
    ['memory', ['MemoryHigh', 't', text(memoryHighBytes)]],
    ['memory', ['MemorySwapMax', 't', text(swapMaxBytes)]],
    ['pids', ['TasksMax', 't', text(pidsMax)]],
    ['cpu', ['CPUQuotaPerSecUSec', 't', text(perSecond(cpuMax))]],
    ['cpu', ['CPUQuotaPeriodUSec', 't', text(cpuMax?.periodUs)]],
    ['cpu', ['CPUWeight', 't', text(cpuWeight)]],
    ['cpuset', ['AllowedCPUs', 'ay', ...bitmap(limits.cpuset ?? '')]],
    ['io', ['IOWeight', 't', text(limits.ioWeight)]],
    ...ioRateNames.flatMap((name) => planRates(name, limits.ioMax ?? {})),
  ];
  return rows.flatMap(([controller, property]) =>
    controllers.includes(controller) ? [property] : [],
  );
}

const rateProperties = {
  rbps: 'IOReadBandwidthMax',
  wbps: 'IOWriteBandwidthMax',
  riops: 'IOReadIOPSMax',
  wiops: 'IOWriteIOPSMax',
} as const;

/** Such a list is added to what is there, and none empties it. systemd wants paths of devices. */
function planRates(
  name: (typeof ioRateNames)[number],
  all: Readonly<Record<string, IoRates>>,
): (readonly ['io', UnitProperty])[] {
  const property = rateProperties[name];
  const words = Object.entries(all).flatMap(([block, rates]) =>
    rates[name] === undefined ? [] : [`/dev/block/${block}`, String(rates[name])],
  );
  const emptied = ['io', [property, 'a(st)']] as const;
  return words.length === 0 ? [emptied] : [emptied, ['io', [property, 'a(st)', ...words]]];
}

/**
 * Has the user's manager keep the limits of a scope. It writes the files of every cgroup anew when
 * it reloads, and would put there what it knows.
 */
export async function setUnitProperties(
  unit: string,
  properties: readonly UnitProperty[],
  env: Readonly<Record<string, string>>,
): Promise<void> {
  if (properties.length === 0) return;
  const words = properties.flatMap(([name, type, ...value]) =>
    type === 't'
      ? [name, type, ...value]
      : [name, type, String(value.length / (type === 'ay' ? 1 : 2)), ...value],
  );
  await run(
    'busctl',
    [
      ...['--user', 'call', 'org.freedesktop.systemd1', '/org/freedesktop/systemd1'],
      ...['org.freedesktop.systemd1.Manager', 'SetUnitProperties', 'sba(sv)', unit, 'true'],
      ...[String(properties.length), ...words],
    ],
    { what: `set the limits of ${unit}`, env, timeoutMs: 30_000 },
  );
}

function text(value: number | undefined): string {
  return value === undefined ? infinity : String(value);
}

/** systemd keeps a quota as time per second. */
function perSecond(cpuMax: CgroupLimits['cpuMax']): number | undefined {
  return cpuMax && Math.ceil((cpuMax.quotaUs * 1_000_000) / cpuMax.periodUs);
}

/** `0-1,9` as the bytes of a bitmap, the lowest first: 3 2. */
function bitmap(cpus: string): string[] {
  const bytes: number[] = [];
  for (const range of cpus.split(',').filter(Boolean)) {
    const [first = 0, last = first] = range.split('-').map(Number);
    for (let cpu = first; cpu <= last; cpu++) {
      const place = Math.floor(cpu / 8);
      while (bytes.length <= place) bytes.push(0);
      bytes[place] = (bytes[place] ?? 0) | (1 << (cpu % 8));
    }
  }
  return bytes.map(String);
}
