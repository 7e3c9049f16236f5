import { readdirSync, readFileSync } from 'node:fs';

import type { ExitRecord } from '../../../../src/contract/keeper.ts';
import type { KeeperLink } from '../../../../src/engine/types.ts';
import { becomeSubreaper, duplicateFd } from '../../../../src/sys/kernel/process.ts';
import { closeFd } from '../../../../src/sys/kernel/socket.ts';
import { reap } from '../../../../src/sys/kernel/wait.ts';
import {
  readBootId,
  readProcessStat,
  readProcessStatus,
} from '../../../../src/sys/proc/identity.ts';

/**
 * Stands for the keeper within the test's process, which cannot be a child of the real one: it is
 * the subreaper, writes the journal and holds descriptors.
 */
export interface TestKeeper extends Disposable {
  /** A daemon's connection. What it has not settled is pending for the next. */
  connect(): KeeperLink & { disconnect(): void };
  names(): string[];
  /** Forgets everything, as one that was killed. Its children are no children of the next. */
  die(): void;
}

export function startKeeper(): TestKeeper {
  becomeSubreaper();
  const journal: ExitRecord[] = [];
  const held = new Map<string, number>();
  const listeners = new Set<(exit: ExitRecord) => void>();
  let sequence = 0;
  const strangers = new Set<number>();

  const close = (name: string): void => {
    const fd = held.get(name);
    if (fd !== undefined) closeFd(fd);
    held.delete(name);
  };
  const closeAll = (): void => {
    for (const name of [...held.keys()]) close(name);
  };

  const timer = setInterval(() => {
    for (const pid of endedGuests()) {
      const startTime = readProcessStat(pid)?.startTime ?? 0;
      const status = reap(pid);
      if (status === undefined || strangers.has(pid)) continue;
      const { kind, value } = status;
      const at = new Date().toISOString();
      sequence += 1;
      const exit = { sequence, pid, startTime, bootId: readBootId(), exit: { kind, value }, at };
      journal.push(exit);
      for (const listener of listeners) listener(exit);
    }
  }, 5);

  return {
    names: () => [...held.keys()].sort(),

    connect() {
      // Until somebody listens, what comes is pending as well.
      const pending = [...journal];
      const note = (exit: ExitRecord): void => {
        pending.push(exit);
      };
      const own = new Set([note]);
      listeners.add(note);
      return {
        keeperPid: process.pid,
        pendingExits: pending,
        onExit: (listener) => {
          listeners.delete(note);
          own.add(listener);
          listeners.add(listener);
          return { [Symbol.dispose]: () => listeners.delete(listener) };
        },
        forgetExits: (upTo) => {
          while (journal[0] !== undefined && journal[0].sequence <= upTo) journal.shift();
          return Promise.resolve();
        },
        store: (name, _kind, fd) => {
          close(name);
          held.set(name, duplicateFd(fd));
          return Promise.resolve();
        },
        fetch: (name) => {
          const fd = held.get(name);
          const drained = Buffer.alloc(0);
          return Promise.resolve(fd === undefined ? undefined : { fd: duplicateFd(fd), drained });
        },
        drop: (name) => {
          close(name);
          return Promise.resolve();
        },
        names: () => [...held.keys()],
        disconnect: () => {
          for (const listener of own) listeners.delete(listener);
        },
      };
    },

    die() {
      closeAll();
      journal.length = 0;
      for (const pid of guests()) strangers.add(pid);
    },

    [Symbol.dispose]() {
      clearInterval(timer);
      closeAll();
    },
  };
}

/** Our children in a pid namespace of their own that have ended. The others are Node's to reap. */
function endedGuests(): number[] {
  return children().filter((pid) => {
    const status = readProcessStatus(pid);
    return readProcessStat(pid)?.state === 'Z' && (status?.namespacePids.length ?? 0) > 1;
  });
}

function children(): number[] {
  return readdirSync('/proc/self/task').flatMap((task) => {
    try {
      const text = readFileSync(`/proc/self/task/${task}/children`, 'utf8');
      return text.split(' ').filter(Boolean).map(Number);
    } catch {
      // A thread that has just ended.
      return [];
    }
  });
}

/** Pids of machines' processes below us that live: what has a pid namespace other than ours. */
export function guests(): number[] {
  return children().filter((pid) => {
    const status = readProcessStatus(pid);
    return readProcessStat(pid)?.state !== 'Z' && (status?.namespacePids.length ?? 0) > 1;
  });
}
