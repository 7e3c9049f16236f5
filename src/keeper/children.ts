import type { ExitRecord } from '../contract/keeper.ts';
import { findEndedChild, reap, type WaitStatus } from '../sys/kernel/wait.ts';
import { readBootId, readProcessStat } from '../sys/proc/identity.ts';
import type { ExitJournal } from './journal.ts';

export interface ChildrenOptions {
  readonly journal: ExitJournal;
  /** Whether the child was one of the keeper's own, which is no news to a daemon. */
  readonly isOwn: (status: WaitStatus) => boolean;
  readonly onExit: (exit: ExitRecord) => void;
}

/**
 * Reaps every child that has ended: own ones and orphans alike. An orphan's end is in the journal
 * before it is reaped, so a keeper that is killed in between loses nothing but the zombie.
 */
export function reapChildren({ journal, isOwn, onExit }: ChildrenOptions): void {
  for (let status; (status = findEndedChild()) !== undefined;) {
    if (isOwn(status)) {
      reap(status.pid);
      continue;
    }
    const exit = journal.append(describe(status));
    reap(status.pid);
    onExit(exit);
  }
}

/** Still a zombie, so /proc knows when it started. */
function describe({ pid, kind, value }: WaitStatus): Omit<ExitRecord, 'sequence'> {
  return {
    pid,
    startTime: readProcessStat(pid)?.startTime ?? 0,
    bootId: readBootId(),
    exit: { kind, value },
    at: new Date().toISOString(),
  };
}
