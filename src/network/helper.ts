import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type { ProcessIdentity } from '../base/process-identity.ts';
import { isRunning, processIdentity } from '../sys/proc/identity.ts';
import { hasErrno } from '../sys/sys-error.ts';

/** A program of ours that outlives the daemon: dnsmasq or the uplink. */
export interface Helper {
  readonly identity: ProcessIdentity;
  /** Command line, the program first. */
  readonly argv: readonly string[];
}

/**
 * Helpers of this user whose command line `isOurs`, the oldest first. They are found by what they
 * are instead of by a pid file: so one that was started a moment before the daemon died is found
 * too. Machines choose the command lines of their processes, but not their user namespace, which is
 * never ours: that is asked first, for a command line is read from the memory of its process, and
 * waits for as long as that is stuck in a file system that does not answer.
 */
export function findHelpers(isOurs: (argv: readonly string[]) => boolean): Helper[] {
  const ours = readlinkSync('/proc/self/ns/user');
  const helpers = readdirSync('/proc').flatMap((entry): Helper[] => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      if (readlinkSync(`/proc/${entry}/ns/user`) !== ours) return [];
      const argv = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0').slice(0, -1);
      if (!isOurs(argv)) return [];
      const identity = processIdentity(Number(entry));
      return identity === undefined || !isRunning(identity) ? [] : [{ identity, argv }];
    } catch (error) {
      if (hasErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return [];
      throw error;
    }
  });
  return helpers.sort((a, b) => a.identity.startTime - b.identity.startTime);
}

/** Signals that very process; one that has ended is fine. */
export function signalHelper({ identity }: Helper, signal: NodeJS.Signals): void {
  if (!isRunning(identity)) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if (!hasErrno(error, 'ESRCH')) throw error;
  }
}

/** Ends it and waits until it has ended: with SIGTERM, and after a second with SIGKILL. */
export async function stopHelper(helper: Helper): Promise<void> {
  signalHelper(helper, 'SIGTERM');
  for (let waitedMs = 0; isRunning(helper.identity); waitedMs += 5) {
    if (waitedMs === 1000) signalHelper(helper, 'SIGKILL');
    await sleep(5);
  }
}
