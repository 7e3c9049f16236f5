import { readFileSync, writeFileSync } from 'node:fs';

import { WarrenError } from '../../contract/errors.ts';
import { ioRateNames, type IoRates } from '../../contract/config/disk-rates.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import type { CgroupLimits } from '../types.ts';

export type Controller = 'memory' | 'pids' | 'cpu' | 'cpuset' | 'io' | 'hugetlb';

/** One file of a cgroup v2 directory and what it is to say. */
export interface LimitFile {
  readonly file: string;
  readonly controller: Controller;
  /** As it is written; `undefined` is no limit. */
  readonly value: string | undefined;
  /** What the kernel has when there is no limit. */
  readonly unlimited: string;
  /** Config keys this limit can come from, the likelier first. */
  readonly keys: readonly string[];
}

/** Every limit file, with or without a limit. */
function planLimitFiles(limits: CgroupLimits): LimitFile[] {
  const { cpuMax, hugetlbMax = {} } = limits;
  const memory = { controller: 'memory', unlimited: 'max' } as const;
  return [
    {
      file: 'memory.max',
      ...memory,
      value: text(limits.memoryMaxBytes),
      keys: ['limits.memory'],
    },
    {
      file: 'memory.high',
      ...memory,
      value: text(limits.memoryHighBytes),
      keys: ['limits.memory'],
    },
    {
      file: 'memory.swap.max',
      ...memory,
      value: text(limits.swapMaxBytes),
      keys: ['limits.memory.swap', 'limits.memory'],
    },
    {
      file: 'pids.max',
      controller: 'pids',
      value: text(limits.pidsMax),
      unlimited: 'max',
      keys: ['limits.processes'],
    },
    {
      file: 'cpu.max',
      controller: 'cpu',
      value: cpuMax === undefined ? undefined : `${cpuMax.quotaUs} ${cpuMax.periodUs}`,
      unlimited: 'max 100000',
      keys: ['limits.cpu.allowance', 'limits.cpu'],
    },
    {
      file: 'cpu.weight',
      controller: 'cpu',
      value: text(limits.cpuWeight),
      unlimited: '100',
      keys: ['limits.cpu.priority', 'limits.cpu.allowance'],
    },
    {
      file: 'cpuset.cpus',
      controller: 'cpuset',
      value: limits.cpuset,
      unlimited: '',
      keys: ['limits.cpu'],
    },
    {
      file: 'io.weight',
      controller: 'io',
      value: limits.ioWeight === undefined ? undefined : `default ${limits.ioWeight}`,
      unlimited: 'default 100',
      keys: ['limits.disk.priority'],
    },
    ...['64KB', '1MB', '2MB', '1GB'].map((size): LimitFile => ({
      file: `hugetlb.${size}.max`,
      controller: 'hugetlb',
      value: text(hugetlbMax[size]),
      unlimited: 'max',
      keys: [`limits.hugepages.${size}`],
    })),
  ];
}

const ioMax = 'io.max';

/** Throws `limit_unenforceable` for the first limit whose controller is not among `controllers`. */
export function checkControllers(
  name: string,
  limits: CgroupLimits,
  keys: Readonly<Record<string, string>>,
  controllers: readonly string[],
): void {
  for (const limit of planLimitFiles(limits)) {
    if (limit.value === undefined || controllers.includes(limit.controller)) continue;
    throw unenforceable(name, limit, limit.value, keys);
  }
  if (Object.keys(limits.ioMax ?? {}).length > 0 && !controllers.includes('io')) {
    throw unenforceable(name, diskLimit(keys), '', keys);
  }
}

/** The one of a disk, for error sentences. */
function diskLimit(keys: Readonly<Record<string, string>>): LimitFile {
  const key = Object.keys(keys).find((candidate) => candidate.startsWith('devices.')) ?? ioMax;
  return { file: ioMax, controller: 'io', value: undefined, unlimited: '', keys: [key] };
}

/**
 * Writes every limit below `directory` and reads each back, since the kernel rounds and a manager
 * may write too. A file that is not there is right when it is to hold no limit.
 */
export function writeLimits(name: string, directory: string, limits: CgroupLimits): void {
  for (const limit of planLimitFiles(limits)) {
    const { file, value, unlimited } = limit;
    const path = `${directory}/${file}`;
    try {
      writeFileSync(path, value ?? unlimited, { flag: 'r+' });
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'EACCES', 'EPERM')) {
        throw refused(name, limit, `was refused (${String(error)})`, { cause: error });
      }
      if (value === undefined) continue;
      throw unenforceable(name, limit, value, {});
    }
    const found = readFileSync(path, 'utf8').trim();
    if (!isHeld(value ?? unlimited, found)) {
      throw refused(name, limit, `is ${found} after ${value ?? unlimited} was written`);
    }
  }
  writeRates(name, `${directory}/${ioMax}`, limits.ioMax ?? {});
}

/** A line for each block device that has a limit; those of others are taken away (cgroups, v2). */
function writeRates(name: string, path: string, wanted: Readonly<Record<string, IoRates>>): void {
  const present = readText(path);
  if (present === undefined) {
    if (Object.keys(wanted).length > 0) throw unenforceable(name, diskLimit({}), '', {});
    return;
  }
  const lines = formatRates(wanted);
  const stale = present.filter((line) => !lines.some((one) => blockOf(one) === blockOf(line)));
  for (const line of [...stale.map((one) => formatLine(blockOf(one), {})), ...lines]) {
    try {
      writeFileSync(path, line, { flag: 'r+' });
    } catch (error) {
      throw refused(name, diskLimit({}), `refused "${line}" (${String(error)})`, { cause: error });
    }
  }
  const found = readText(path) ?? [];
  const lacking = lines.find((line) => !found.includes(line));
  if (lacking === undefined && found.length === lines.length) return;
  throw refused(name, diskLimit({}), `is "${found.join('; ')}", wanted "${lines.join('; ')}"`);
}

/** As the kernel shows them. */
function formatRates(rates: Readonly<Record<string, IoRates>>): string[] {
  return Object.entries(rates).map(([block, one]) => formatLine(block, one));
}

function formatLine(block: string, rates: IoRates): string {
  return [block, ...ioRateNames.map((name) => `${name}=${rates[name] ?? 'max'}`)].join(' ');
}

function blockOf(line: string): string {
  return line.split(' ')[0] ?? '';
}

/** Every limit of a cgroup that holds something: file → what it says. */
export function readHeld(directory: string): Record<string, string> {
  const held: Record<string, string> = {};
  for (const { file, unlimited } of planLimitFiles({})) {
    const [first = ''] = readText(`${directory}/${file}`) ?? [];
    if (first !== '' && first !== unlimited) held[file] = first;
  }
  const rates = readText(`${directory}/${ioMax}`) ?? [];
  if (rates.length > 0) held[ioMax] = rates.join('; ');
  return held;
}

/**
 * The lines that are not empty; undefined where there is no such file, or nothing to limit in it.
 */
function readText(path: string): string[] | undefined {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENODEV')) return undefined;
    throw error;
  }
}

/** Memory is kept in pages and rounded down; all else is kept as written. */
function isHeld(wanted: string, found: string): boolean {
  // io.weight can have more lines, one per device; cpu.max may be given without its period.
  const [first = ''] = found.split('\n');
  if (first === wanted) return true;
  const want = Number(wanted);
  const got = Number(first);
  return first !== '' && wanted !== '' && want >= got && want - got < 65_536 && got % 4096 === 0;
}

function unenforceable(
  name: string,
  { file, controller, keys }: LimitFile,
  value: string,
  config: Readonly<Record<string, string>>,
): WarrenError {
  const key = keys.find((candidate) => candidate in config) ?? file;
  return new WarrenError('limit_unenforceable', {
    name,
    key,
    value: config[key] ?? value,
    controller,
  });
}

function refused(
  name: string,
  { file }: LimitFile,
  outcome: string,
  options?: ErrorOptions,
): WarrenError {
  const details = { what: `set the limits of ${name}`, program: file, outcome, output: '' };
  return new WarrenError('program_failed', details, options);
}

function text(value: number | undefined): string | undefined {
  return value?.toString();
}
