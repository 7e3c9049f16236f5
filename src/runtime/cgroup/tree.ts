import { lchownSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { backoffMs } from '../../base/backoff.ts';
import { WarrenError } from '../../contract/errors.ts';
import { entryPath } from '../../sys/kernel/fs.ts';
import { parseCgroupProcs } from '../../sys/proc/cgroup.ts';
import { removeCgroups, visitCgroups } from '../../sys/proc/cgroup-tree.ts';
import { hasErrno } from '../../sys/sys-error.ts';

/**
 * The files by which a cgroup is handed to a machine's root (cgroups(7), "Delegation"). All others
 * stay ours: they hold the limits.
 */
const delegated = new Set(['cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads']);

/**
 * How many cgroups a machine may nest and have in all (cgroups(7)): far more than a system in it
 * that runs machines of its own has any use for, and few enough to be walked in no time.
 */
const bounds = { 'cgroup.max.depth': '32', 'cgroup.max.descendants': '10000' };

/**
 * Gives `directory` to `owner`, within bounds, and takes back what a runtime may have given beyond.
 */
export function delegate(directory: string, owner: { uid: number; gid: number }): void {
  for (const [file, bound] of Object.entries(bounds)) {
    writeFileSync(`${directory}/${file}`, bound, { flag: 'r+' });
  }
  lchownSync(directory, owner.uid, owner.gid);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const { uid, gid } = delegated.has(entry.name) ? owner : { uid: 0, gid: 0 };
    try {
      lchownSync(`${directory}/${entry.name}`, uid, gid);
    } catch (error) {
      // A file whose owner U0 does not map never was the machine's.
      if (!hasErrno(error, 'EPERM')) throw error;
    }
  }
}

/** Every pid in `directory` and below. */
export function readProcesses(directory: string): number[] {
  const pids: number[] = [];
  const read = (file: string | Buffer): void => {
    try {
      for (const pid of parseCgroupProcs(readFileSync(file, 'utf8'))) pids.push(pid);
    } catch (error) {
      // EOPNOTSUPP: a threaded cgroup, whose processes are listed at its domain.
      if (!hasErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP', 'ENOTSUP')) throw error;
    }
  };
  read(`${directory}/cgroup.procs`);
  visitCgroups(directory, ({ parentFd, name }) => {
    read(Buffer.concat([entryPath(parentFd, name), Buffer.from('/cgroup.procs')]));
  });
  return pids;
}

/** Kills everything in `directory` and below, also what is frozen (cgroup.kill, Linux 5.14). */
export function killTree(directory: string): void {
  try {
    writeFileSync(`${directory}/cgroup.kill`, '1', { flag: 'r+' });
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ENODEV')) throw error;
  }
}

/** Removes `directory` with what the guest made below, waiting up to 2 s for processes to go. */
export async function removeTree(directory: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      removeCgroups(directory);
      return;
    } catch (error) {
      if (!hasErrno(error, 'EBUSY') || attempt > 24) throw error;
      await sleep(backoffMs(attempt, 2, 100));
    }
  }
}

/**
 * Writes `cgroup.freeze` and waits for `cgroup.events` to agree. A freeze that takes too long (a
 * process in uninterruptible sleep) is undone, and `timeout` thrown.
 */
export async function setFrozen(
  name: string,
  directory: string,
  frozen: boolean,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const write = (value: '0' | '1'): void => {
    writeFileSync(`${directory}/cgroup.freeze`, value, { flag: 'r+' });
  };
  write(frozen ? '1' : '0');
  for (let attempt = 0; readEvent(directory, 'frozen') !== (frozen ? 1 : 0); attempt++) {
    if (performance.now() > deadline) {
      if (frozen) write('0');
      const what = `${frozen ? 'freeze' : 'thaw'} ${name}`;
      throw new WarrenError('timeout', { what, seconds: timeoutMs / 1000 });
    }
    await sleep(backoffMs(attempt, 1, 20));
  }
}

function readEvent(directory: string, key: string): number | undefined {
  const text = readFileSync(`${directory}/cgroup.events`, 'utf8');
  const match = new RegExp(`^${key} (\\d+)$`, 'm').exec(text);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
