import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { WarrenError } from '../contract/errors.ts';
import type { KeeperHome } from '../contract/keeper.ts';
import { pathsIn, type Paths } from '../contract/paths.ts';
import { isLocked, pidfdSendSignal, withPidfd } from '../sys/kernel/process.ts';
import { isRunning } from '../sys/proc/identity.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { readU0Record } from './keeper.ts';

const SIGHUP = 1;
const listenAgainMs = 5000;

/**
 * Whether a keeper holds the lock of the data, or of the runtime directory. One that does listens,
 * or is about to.
 */
export function keeperRuns({ dataLock, keeperLock }: Paths): boolean {
  return [dataLock, keeperLock].some((path) => {
    const fd = openSync(path, 'a', 0o600);
    try {
      return isLocked(fd);
    } finally {
      closeSync(fd);
    }
  });
}

/**
 * Where a keeper serves these data, or where the machines of one that was killed wait for the next:
 * a keeper's runtime directory is not that of every shell of its user, since a login makes
 * `/run/user/UID` and a job of cron has none.
 */
export function pathsInUse(own: Paths): Paths {
  const home = readHome(own);
  if (home === undefined || home.runtimeDir === own.runtimeDir) return own;
  // In a place that others can write to, whoever made it anew once it was emptied decides what lies
  // there.
  if (foreignOwner(home.runtimeDir) !== undefined) return own;
  const paths = pathsIn(own.dataDir, home.runtimeDir);
  return isRunning(home) || readU0Record(paths) !== undefined ? paths : own;
}

/**
 * Whether a keeper runs, which clients that look for its socket at `own` reach from then on. Throws
 * `host_lacks` when its socket is gone and cannot be made again, or its place is somebody else's by
 * now.
 */
export async function reachKeeper(own: Paths): Promise<boolean> {
  if (!keeperRuns(own)) return false;
  const home = readHome(own);
  // Just being started, or one that tells nobody.
  if (home === undefined || !isRunning(home)) return true;
  const paths = pathsIn(own.dataDir, home.runtimeDir);
  refuseForeign(home);
  if (!existsSync(paths.socket)) await haveItListen(home, paths);
  linkSocket(own, paths);
  return true;
}

/** Has clients of `own` find the socket that lies elsewhere. */
export function linkSocket(own: Paths, paths: Paths): void {
  if (own.socket === paths.socket) return;
  rmSync(own.socket, { force: true });
  try {
    symlinkSync(paths.socket, own.socket);
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
  }
}

/**
 * The runtime directory was emptied while its keeper ran: by a cleaner, or with the user's last
 * session.
 */
async function haveItListen(home: KeeperHome, { socket }: Paths): Promise<void> {
  withPidfd(home.pid, (pidfd) => {
    if (isRunning(home)) pidfdSendSignal(pidfd, SIGHUP);
  });
  for (let waitedMs = 0; !existsSync(socket); waitedMs += 20) {
    if (waitedMs >= listenAgainMs) {
      throw new WarrenError('host_lacks', {
        what: `reach the keeper (process ${home.pid})`,
        found: `${home.runtimeDir}, where it had its sockets, is gone`,
        wanted: 'a place where it can make them again',
        hint: 'loginctl enable-linger',
      });
    }
    await sleep(20);
  }
}

function refuseForeign({ pid, runtimeDir }: KeeperHome): void {
  const uid = foreignOwner(runtimeDir);
  if (uid === undefined) return;
  throw new WarrenError('host_lacks', {
    what: `reach the keeper (process ${pid})`,
    found: `${runtimeDir}, where it had its sockets, belongs to uid ${uid}`,
    wanted: 'a directory of your own',
    hint: `sudo mv ${runtimeDir} ${runtimeDir}.foreign`,
  });
}

/** Undefined for a directory of ours, and for none. */
function foreignOwner(directory: string): number | undefined {
  const found = statSync(directory, { throwIfNoEntry: false });
  return found === undefined || found.uid === process.getuid?.() ? undefined : found.uid;
}

function readHome({ dataLock }: Paths): KeeperHome | undefined {
  try {
    const home = JSON.parse(readFileSync(dataLock, 'utf8')) as Partial<KeeperHome>;
    return typeof home.runtimeDir === 'string' && typeof home.pid === 'number'
      ? (home as KeeperHome)
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) {
      return undefined;
    }
    throw error;
  }
}
