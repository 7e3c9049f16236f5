import { readdirSync } from 'node:fs';

import { setCpuAffinity } from '../sys/kernel/process.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { readProcesses } from './cgroup/tree.ts';

/**
 * What is started while we go through the others is found by the next round; a fork bomb never
 * ends.
 */
const mostRounds = 5;

/**
 * Has every thread in a cgroup run on these CPUs; those that its cpuset has none of stay as they
 * are.
 */
export function setAffinities(directory: string, cpus: readonly number[]): void {
  const done = new Set<number>();
  for (let round = 0; round < mostRounds; round++) {
    const fresh = readProcesses(directory)
      .flatMap(threadsOf)
      .filter((tid) => !done.has(tid));
    if (fresh.length === 0) return;
    for (const tid of fresh) {
      done.add(tid);
      try {
        setCpuAffinity(tid, cpus);
      } catch (error) {
        if (!hasErrno(error, 'ESRCH', 'EINVAL')) throw error;
      }
    }
  }
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH')) return [];
    throw error;
  }
}
