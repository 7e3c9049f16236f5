import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';

import { WarrenError } from '../contract/errors.ts';
import type { KeeperHome } from '../contract/keeper.ts';
import type { Paths } from '../contract/paths.ts';
import { tryLock } from '../sys/kernel/process.ts';
import { processIdentity } from '../sys/proc/identity.ts';

const mostTries = 20;
const pauseMs = 5;

/** The locks of a keeper, held until the process ends. */
export interface KeeperLocks {
  /** Says, to whoever finds the data locked, where this keeper listens. */
  recordHome(): void;
  /** Takes the lock of the runtime directory again, which somebody has emptied. */
  renew(): void;
}

/**
 * One keeper for the data, and one for the runtime directory. Throws `exists` when there is
 * another.
 */
export function holdLocks(paths: Paths): KeeperLocks {
  const dataFd = hold(paths.dataLock, paths.dataDir);
  const isOne = paths.keeperLock === paths.dataLock;
  if (!isOne) hold(paths.keeperLock, paths.runtimeDir);
  return {
    recordHome() {
      const identity = processIdentity(process.pid);
      if (identity === undefined) throw new Error('the keeper is not in /proc');
      const home: KeeperHome = { ...identity, runtimeDir: paths.runtimeDir };
      ftruncateSync(dataFd);
      writeSync(dataFd, JSON.stringify(home));
    },
    renew() {
      if (isOne) return;
      const fd = openSync(paths.keeperLock, 'a', 0o600);
      // Where the file was left alone its lock is still ours.
      if (!tryLock(fd)) closeSync(fd);
    },
  };
}

function hold(path: string, directory: string): number {
  const fd = openSync(path, 'a', 0o600);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  // Whoever looks whether a keeper runs has a lock for as long as that takes.
  for (let tries = 1; !tryLock(fd); tries += 1) {
    if (tries > mostTries) throw new WarrenError('exists', { kind: 'keeper', name: directory });
    Atomics.wait(pause, 0, 0, pauseMs);
  }
  return fd;
}
