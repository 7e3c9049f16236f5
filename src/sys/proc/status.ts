import { parseCpuSet } from '../../base/cpus.ts';

/** Parts of /proc/PID/status (`man 5 proc_pid_status`). */
export interface ProcessStatus {
  readonly name: string;
  readonly state: string;
  readonly parentPid: number;
  /** Real, effective, saved and file-system uid, as the reader's user namespace sees them. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  /** Pids from the reader's pid namespace inwards; the last is the one the process itself sees. */
  readonly namespacePids: readonly number[];
  /** Bit n-1 stands for signal n. */
  readonly blockedSignals: bigint;
  /** CPUs that it may run on, ascending. */
  readonly cpus: readonly number[];
}

/** Parses /proc/PID/status; lines that this kernel does not have give empty values. */
export function parseProcessStatus(text: string): ProcessStatus {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const numbers = (name: string): number[] =>
    (fields.get(name) ?? '')
      .split(/\s+/)
      .filter((word) => word !== '')
      .map(Number);
  return {
    name: fields.get('Name') ?? '',
    state: fields.get('State')?.slice(0, 1) ?? '',
    parentPid: numbers('PPid')[0] ?? 0,
    uids: numbers('Uid'),
    gids: numbers('Gid'),
    namespacePids: numbers('NSpid'),
    blockedSignals: BigInt(`0x${fields.get('SigBlk') ?? '0'}`),
    cpus: parseCpuSet(fields.get('Cpus_allowed_list') ?? '') ?? [],
  };
}

/** Whether the mask of a `SigBlk` line holds signal `signal` (1 … 64). */
export function blocksSignal(status: ProcessStatus, signal: number): boolean {
  return ((status.blockedSignals >> BigInt(signal - 1)) & 1n) === 1n;
}

/** SIGRTMIN as glibc counts it (`kill -l RTMIN`): the two below belong to its threads. */
export const SIGRTMIN = 34;
