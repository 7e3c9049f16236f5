import { readFileSync } from 'node:fs';

import type { ProcessIdentity } from '../../base/process-identity.ts';
import { hasErrno } from '../sys-error.ts';
import { parseProcessStat, type ProcessStat } from './stat.ts';
import { parseProcessStatus, type ProcessStatus } from './status.ts';

/**
 * The host's boot id. Not to be read inside a machine, where another file lies over it; processes
 * in U0 see the host's.
 */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** /proc/PID/stat, also of a zombie; undefined when there is no such process (any more). */
export function readProcessStat(pid: number): ProcessStat | undefined {
  const text = readProcessFile(pid, 'stat');
  return text === undefined ? undefined : parseProcessStat(text);
}

/** /proc/PID/status; undefined when there is no such process (any more). */
export function readProcessStatus(pid: number): ProcessStatus | undefined {
  const text = readProcessFile(pid, 'status');
  return text === undefined ? undefined : parseProcessStatus(text);
}

/** Names the process that has `pid` at this moment; undefined when there is none. */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  const stat = readProcessStat(pid);
  return stat === undefined ? undefined : { pid, startTime: stat.startTime, bootId: readBootId() };
}

/**
 * Whether `identity.pid` still is that very process. A zombie matches: *alive* is another question,
 * which only its pidfd answers (`isPidfdReadable`).
 */
export function isSameProcess(identity: ProcessIdentity): boolean {
  const now = processIdentity(identity.pid);
  return now?.startTime === identity.startTime && now.bootId === identity.bootId;
}

/** Whether it still is that very process and runs, or would if it were not stopped or frozen. */
export function isRunning(identity: ProcessIdentity): boolean {
  const stat = readProcessStat(identity.pid);
  return (
    stat?.startTime === identity.startTime &&
    stat.state !== 'Z' &&
    stat.state !== 'X' &&
    readBootId() === identity.bootId
  );
}

function readProcessFile(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch (error) {
    // ESRCH: it ended between open and read.
    if (hasErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}
