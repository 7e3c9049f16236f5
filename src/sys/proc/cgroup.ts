import { readFileSync } from 'node:fs';

import { hasErrno } from '../sys-error.ts';
import { parseMountinfo, type MountEntry } from './mountinfo.ts';

/**
 * The cgroup v2 path in the text of /proc/PID/cgroup (the line `0::PATH`), relative to the reader's
 * cgroup namespace: it begins with `/..` for a process outside of it. Undefined without v2.
 */
export function parseCgroupPath(text: string): string | undefined {
  const line = text.split('\n').find((candidate) => candidate.startsWith('0::/'));
  // The kernel says so when the directory was removed under a process that is still in it.
  return line?.slice(3).replace(/ \(deleted\)$/, '');
}

/**
 * Where cgroup `path` is seen in the file system: through the mount whose root is the nearest
 * ancestor. Later mounts hide earlier ones at the same place, so the last of the best wins.
 */
export function findCgroupDirectory(
  path: string,
  mounts: readonly MountEntry[],
): string | undefined {
  let best: MountEntry | undefined;
  for (const mount of mounts) {
    if (mount.type !== 'cgroup2' || !isBelow(path, mount.root)) continue;
    if (best === undefined || mount.root.length >= best.root.length) best = mount;
  }
  if (best === undefined) return undefined;
  const rest = best.root === '/' ? path : path.slice(best.root.length);
  return `${best.mountPoint}${rest === '/' ? '' : rest}`;
}

function isBelow(path: string, root: string): boolean {
  // Outside of the cgroup namespace nothing is seen: `/../other`.
  if (path.startsWith('/..')) return false;
  return root === '/' || path === root || path.startsWith(`${root}/`);
}

export interface OwnCgroup {
  /** As /proc/self/cgroup has it, relative to the cgroup namespace. */
  readonly path: string;
  /** The directory of it in the file system, when a cgroup2 mount shows it. */
  readonly directory: string | undefined;
  /** Mount point of that mount: ancestors end there. */
  readonly mountPoint: string | undefined;
}

/**
 * Where process `pid` (or this one) is in the cgroup v2 hierarchy; undefined when there is none.
 */
export function readCgroup(pid: number | 'self' = 'self'): OwnCgroup | undefined {
  const path = parseCgroupPath(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
  if (path === undefined) return undefined;
  const mounts = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  const directory = findCgroupDirectory(path, mounts);
  const mountPoint = mounts.findLast(
    (mount) =>
      mount.type === 'cgroup2' &&
      directory !== undefined &&
      isBelow(directory, mount.mountPoint) &&
      isBelow(path, mount.root),
  )?.mountPoint;
  return { path, directory, mountPoint };
}

/**
 * Words of a space-separated cgroup file such as `cgroup.controllers`; empty when it is missing.
 */
export function readCgroupWords(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trim().split(/\s+/).filter(Boolean);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENODEV')) return [];
    throw error;
  }
}

/**
 * Pids in the text of `cgroup.procs`; 0 stands for a process of another pid namespace and is left
 * out.
 */
export function parseCgroupProcs(text: string): number[] {
  return text
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0);
}
