import { readFileSync } from 'node:fs';

import { hasErrno } from '../../sys/sys-error.ts';
import type { MachineUsage } from '../types.ts';
import { readProcesses } from './tree.ts';

/**
 * What a machine uses, by its cgroup. Without the memory controller, memory is the resident memory
 * that belongs to its processes and not to files; without pids, processes are counted.
 */
export function readUsage(directory: string): MachineUsage | undefined {
  const cpu = readText(`${directory}/cpu.stat`);
  if (cpu === undefined) return undefined;
  const usec = Number(/^usage_usec (\d+)$/m.exec(cpu)?.[1] ?? 0);
  const memoryBytes = readNumber(`${directory}/memory.current`);
  const processes = readNumber(`${directory}/pids.current`);
  const pids = memoryBytes === undefined || processes === undefined ? readProcesses(directory) : [];
  const counted = memoryBytes ?? pids.reduce((sum, pid) => sum + residentBytes(pid), 0);
  return {
    cpuUsageNs: usec * 1000,
    memoryBytes: counted,
    memoryPeakBytes: readNumber(`${directory}/memory.peak`) ?? counted,
    memoryMaxBytes: readNumber(`${directory}/memory.max`) ?? readNumber(`${directory}/memory.high`),
    swapBytes: readNumber(`${directory}/memory.swap.current`) ?? 0,
    processes: processes ?? pids.length,
    processesMax: readNumber(`${directory}/pids.max`),
  };
}

function residentBytes(pid: number): number {
  const status = readText(`/proc/${pid}/status`) ?? '';
  return ['RssAnon', 'RssShmem'].reduce((sum, field) => {
    const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    return sum + Number(kib ?? 0) * 1024;
  }, 0);
}

/** Undefined also for `max`. */
function readNumber(file: string): number | undefined {
  const text = readText(file)?.trim();
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

/** Undefined for a file of a controller that is not there, or of a cgroup that is gone. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENODEV', 'ESRCH')) return undefined;
    throw error;
  }
}
