import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

import { tryLock } from '../sys/kernel/process.ts';
import { readCgroup, readCgroupWords } from '../sys/proc/cgroup.ts';
import { removeCgroups } from '../sys/proc/cgroup-tree.ts';
import { hasErrno } from '../sys/sys-error.ts';

/*
 * The host side finds a cgroup2 directory that the user may write, takes a part of it for U0 and
 * enters that before the cgroup namespace is made, so that it becomes the namespace's root. What
 * lies below is the business of the runtime's driver in U0: it mounts it, enables controllers and
 * makes a directory for each machine.
 */

/** Leaf of U0's part that the keeper and the daemon live in; machines lie beside it. */
const leaf = 'keeper';
const maxParts = 100;

/** A part of the user's delegated hierarchy. */
export interface CgroupPart {
  /** Root of U0's cgroup namespace, as the host sees it. */
  readonly directory: string;
}

/**
 * The highest directory above (or at) our own cgroup in which the user may make cgroups and move
 * processes into them; undefined when nothing is delegated to the user or there is no cgroup v2. It
 * is the common ancestor of where we are and what is made there, which is all a move asks for.
 */
export function findDelegated(): string | undefined {
  const own = readCgroup();
  if (own?.directory === undefined || own.mountPoint === undefined) return undefined;
  let found: string | undefined;
  for (let place = own.directory; ; place = dirname(place)) {
    if (isDelegated(place)) found = place;
    if (place === own.mountPoint) return found;
  }
}

function isDelegated(directory: string): boolean {
  try {
    for (const path of ['', '/cgroup.procs', '/cgroup.subtree_control']) {
      accessSync(`${directory}${path}`, constants.W_OK);
    }
    return true;
  } catch {
    return false;
  }
}

/**
 * Takes a part for a new U0: `warren`, or `warren-1` and so on where another U0 of this user is in
 * it. Hands down to it every controller that its parent has and may hand down.
 */
export function claimPart(delegated: string): CgroupPart | undefined {
  handDownControllers(delegated);
  for (let index = 0; index < maxParts; index++) {
    const directory = `${delegated}/${index === 0 ? 'warren' : `warren-${index}`}`;
    if (claim(directory)) return { directory };
  }
  return undefined;
}

/** Makes a fresh directory, in place of one that nobody lives in any more. */
function claim(directory: string): boolean {
  if (isPopulated(directory)) return false;
  try {
    removeCgroups(directory);
  } catch {
    // A U0 was killed whole and what it left belongs to subordinate ids: the next daemon removes
    // that as root of its U0. Whatever else is wrong with one part is no reason against the next
    // one.
    return false;
  }
  try {
    mkdirSync(directory);
    mkdirSync(`${directory}/${leaf}`);
    return true;
  } catch (error) {
    // Somebody else is at the same place at the same moment.
    if (hasErrno(error, 'EEXIST', 'ENOENT', 'EACCES', 'EPERM')) return false;
    throw error;
  }
}

function isPopulated(directory: string): boolean {
  return readCgroupWords(`${directory}/cgroup.events`).join(' ').includes('populated 1');
}

function handDownControllers(directory: string): void {
  for (const controller of readCgroupWords(`${directory}/cgroup.controllers`)) {
    try {
      writeFileSync(`${directory}/cgroup.subtree_control`, `+${controller}`);
    } catch (error) {
      // EBUSY: a process lives in this very directory. Machines go without this controller then.
      if (!hasErrno(error, 'EBUSY', 'EINVAL', 'ENOENT', 'EACCES', 'EPERM', 'EOPNOTSUPP'))
        throw error;
    }
  }
}

/**
 * Runs `start` while this process is in `directory`, so that the child it spawns begins there, and
 * goes back. A process that stays would keep the driver from enabling controllers.
 */
export function spawnWithin<T>(directory: string, start: () => T): T {
  const home = readCgroup()?.directory;
  moveTo(directory, process.pid);
  try {
    return start();
  } finally {
    if (home !== undefined) moveTo(home, process.pid);
  }
}

/** Moves a process of U0 into the keeper's leaf. */
export function moveToLeaf({ directory }: CgroupPart, pid: number): void {
  moveTo(leafOf({ directory }), pid);
}

/** The directory of U0's part in which keeper and daemon live. */
export function leafOf({ directory }: CgroupPart): string {
  return `${directory}/${leaf}`;
}

function moveTo(directory: string, pid: number): void {
  writeFileSync(`${directory}/cgroup.procs`, `${pid}`);
}

/**
 * Holds the delegated directory while `task` runs: two warrens of one user (two WARREN_DIRs) must
 * not claim the same part. Gives up waiting after a while: then the worst is a second part.
 */
export async function holding<T>(directory: string, task: () => Promise<T>): Promise<T> {
  const fd = openSync(directory, 'r');
  try {
    for (let attempt = 0; attempt < 250 && !tryLock(fd); attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return await task();
  } finally {
    closeSync(fd);
  }
}

/** Whether a directory still is a cgroup. */
export function cgroupExists(directory: string): boolean {
  try {
    readFileSync(`${directory}/cgroup.procs`);
    return true;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENODEV', 'ENOTDIR')) return false;
    throw error;
  }
}
