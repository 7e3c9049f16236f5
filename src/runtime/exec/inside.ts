import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

import type { ProcessIdentity } from '../../base/process-identity.ts';
import { processIdentity, readProcessStat } from '../../sys/proc/identity.ts';
import { kill } from '../processes.ts';

/**
 * The process that `crun exec` started, from its pid file. Undefined while the file is not written,
 * and when the pid is no child of that crun (any more): nobody but a living crun vouches for it.
 */
export function findInside(pidFile: string, runtimePid: number): ProcessIdentity | undefined {
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, 'utf8'));
  } catch {
    return undefined;
  }
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (readProcessStat(pid)?.parentPid !== runtimePid) return undefined;
  return processIdentity(pid);
}

/**
 * Kills a process, everything in its session, and whatever has one of `pipes` (`pipe:[inode]`) as
 * its standard input, output or error. `candidates` are the pids of its machine.
 */
export function killWithCompany(
  inside: ProcessIdentity,
  candidates: readonly number[],
  pipes: ReadonlySet<string>,
): void {
  const session = readSession(inside.pid);
  const company = candidates.flatMap((pid) => {
    // Named before it is looked at, so that a recycled pid is never killed for its predecessor.
    const identity = processIdentity(pid);
    if (identity === undefined || pid === process.pid) return [];
    const belongs = (session !== undefined && readSession(pid) === session) || holds(pid, pipes);
    return belongs ? [identity] : [];
  });
  kill(inside);
  for (const identity of company) kill(identity);
}

/** Every pid there is, for machines without a cgroup that names theirs. */
export function allProcesses(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** `pipe:[inode]` of one of our own descriptors. */
export function pipeName(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`);
}

/**
 * By the link's text alone: following it would ask whatever file system the guest has mounted
 * there, and could wait for it for ever.
 */
function holds(pid: number, pipes: ReadonlySet<string>): boolean {
  if (pipes.size === 0) return false;
  return [0, 1, 2].some((fd) => {
    try {
      return pipes.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      return false;
    }
  });
}

/** Field 6 of /proc/PID/stat, counted from the end of `comm`, which may hold anything. */
function readSession(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(text.slice(text.lastIndexOf(') ') + 2).split(' ')[3]);
  } catch {
    return undefined;
  }
}
