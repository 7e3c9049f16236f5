import { readFileSync } from 'node:fs';
import { access } from 'node:fs/promises';

import { hostPath } from '../base/brand.ts';
import { lxcfsMountPoint, parseMountinfo, type MountEntry } from '../sys/proc/mountinfo.ts';
import { plugBinds, unplugBinds, type LiveMachine } from './graft.ts';
import { readMountsOf } from './machine-mounts.ts';
import type { BindMount } from './types.ts';

/**
 * What lxcfs answers differently to each machine: memory and swap by its cgroup, processors by its
 * set of CPUs, the time since its init began.
 */
const shown = [
  '/proc/cpuinfo',
  '/proc/diskstats',
  '/proc/loadavg',
  '/proc/meminfo',
  '/proc/stat',
  '/proc/swaps',
  '/proc/uptime',
  '/sys/devices/system/cpu/online',
];

/** The files of the lxcfs that runs, to be bound over those of procfs and sysfs. */
export interface MachineViews {
  /** `major:minor` of its file system: another one after a restart of lxcfs. */
  readonly device: string;
  readonly binds: readonly BindMount[];
}

/**
 * How long an answer may take, on a busy host too: one whose program hangs holds up every start for
 * as long.
 */
const patienceMs = 5000;

/**
 * Looks for the lxcfs of this host, which its administrator runs as a service. The function that is
 * returned answers undefined where there is none, or where it does not answer; then machines see
 * the host's own.
 */
export function viewFinder(): () => Promise<MachineViews | undefined> {
  // One question at a time: each may keep a thread of libuv's four for as long as lxcfs hangs.
  let asked: Promise<boolean> | undefined;
  return async () => {
    const device = findDevice('/proc/self/mountinfo');
    if (device === undefined) return undefined;
    asked ??= answers().finally(() => {
      asked = undefined;
    });
    if (!(await withinPatience(asked))) return undefined;
    const binds = shown.map((target): BindMount => {
      const source = hostPath(`${lxcfsMountPoint}${target}`);
      return { source, target, readonly: true, recursive: false, kind: 'file' };
    });
    return { device, binds };
  };
}

async function answers(): Promise<boolean> {
  try {
    for (const path of shown) await access(`${lxcfsMountPoint}${path}`);
    return true;
  } catch {
    // ENOTCONN when its program has died, ENOENT from one that has not all of them.
    return false;
  }
}

async function withinPatience(answer: Promise<boolean>): Promise<boolean> {
  return await new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve(false);
    }, patienceMs);
    void answer.then((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

function findDevice(mountinfo: string): string | undefined {
  return parseMountinfo(readFileSync(mountinfo, 'utf8')).findLast(
    ({ mountPoint }) => mountPoint === lxcfsMountPoint,
  )?.device;
}

/** What is to be done to a machine's files. */
export interface ViewsPlan {
  /** Where files of an lxcfs that has ended are. */
  readonly stale: readonly string[];
  readonly lacking: readonly BindMount[];
}

/**
 * Compares what the machine with this init has with `views`. What a guest has mounted over them
 * itself stays, and a guest that has more mounts than anybody looks through keeps what it has.
 */
export function planViews(initPid: number, views: MachineViews | undefined): ViewsPlan {
  const text = readMountsOf(initPid);
  if (text === undefined) return { stale: [], lacking: [] };
  const mounts = parseMountinfo(text);
  const ofLxcfs = (target: string): MountEntry[] =>
    mounts.filter(({ mountPoint, type }) => mountPoint === target && type === 'fuse.lxcfs');
  const isTopmost = (target: string): boolean =>
    mounts.findLast(({ mountPoint }) => mountPoint === target)?.type === 'fuse.lxcfs';
  const old = shown.filter((target) =>
    ofLxcfs(target).every((one) => one.device !== views?.device),
  );
  return {
    stale: old.filter(isTopmost),
    lacking: views?.binds.filter(({ target }) => old.includes(target)) ?? [],
  };
}

/**
 * Brings a running machine's files to those of the lxcfs that runs now: those of one that has ended
 * answer nothing but ENOTCONN. Whoever calls holds the machine, for mounts are staged in one place.
 * Throws `wrong_state` when the machine has ended.
 */
export async function renewViews(
  machine: LiveMachine,
  views: MachineViews | undefined,
): Promise<void> {
  const { stale, lacking } = planViews(machine.init.pid, views);
  await unplugBinds(machine, stale);
  await plugBinds(machine, lacking);
}
