import Sqlite from 'better-sqlite3';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type { Warren } from './warren.ts';

/**
 * What machines of a warren have on this host besides their own rows: to compare before and after.
 */
export interface Leftovers {
  /** Mount points in its namespace, sorted. */
  readonly mounts: readonly string[];
  /** Directories of machines. */
  readonly instances: readonly string[];
  readonly ociStates: readonly string[];
  /** Interfaces on its switch, sorted. */
  readonly interfaces: readonly string[];
  /** Processes that run as subordinate ids below its keeper. */
  readonly guests: readonly string[];
  /** First ids of the slices that are given away. */
  readonly slices: readonly number[];
  /** What dnsmasq has given out, and whom it knows. */
  readonly leases: readonly string[];
}

export function leftovers(warren: Warren): Leftovers {
  const keeper = warren.keeperPid();
  const mounts = readFileSync(`/proc/${keeper}/mountinfo`, 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith('/mnt/') && !point.startsWith('/mnt/net'));
  return {
    mounts: mounts.sort(),
    instances: list(join(warren.dir, 'instances')),
    ociStates: list(join(warren.dir, 'oci')),
    interfaces: switchInterfaces(keeper),
    guests: guestProcesses(keeper),
    slices: slices(warren.dir),
    leases: [...lines(join(warren.dir, 'networks')), ...lines(join(warren.dir, 'net'))],
  };
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function slices(dir: string): number[] {
  const database = new Sqlite(join(dir, 'warren.db'), { readonly: true });
  try {
    const rows = database.prepare<[], { start: number }>('SELECT start FROM slices ORDER BY start');
    return rows.all().map(({ start }) => start);
  } finally {
    database.close();
  }
}

/** Those of all files in a directory. */
function lines(directory: string): string[] {
  return list(directory)
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .sort();
}

/** Runs a program as root of the warren's user namespace, in its mount namespace. */
export function inNamespace(keeper: number, program: string, args: readonly string[]): string {
  return execFileSync(
    'nsenter',
    [
      '--target',
      String(keeper),
      '--user',
      '--mount',
      '--preserve-credentials',
      '--',
      program,
      ...args,
    ],
    { encoding: 'utf8', stdio: 'pipe', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } },
  );
}

function switchInterfaces(keeper: number): string[] {
  const holders = list(`/proc/${keeper}/root/mnt/net`).filter((name) => name.startsWith('switch'));
  const [holder] = holders;
  if (holder === undefined) return [];
  const output = inNamespace(keeper, 'nsenter', [
    ...[`--net=/mnt/net/${holder}`, '--', 'ip', '-o', 'link'],
  ]);
  return [...output.matchAll(/^\d+: ([^:@]+)/gm)].map((match) => match[1] ?? '').sort();
}

/** Children of the keeper, at any depth, that do not run as the user. */
function guestProcesses(keeper: number): string[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // Gone meanwhile.
    }
  }
  const isBelow = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
      if (at === keeper) return true;
    }
    return false;
  };
  const own = process.getuid?.();
  return [...parents.keys()]
    .filter(
      (pid) => isBelow(pid) && statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid !== own,
    )
    .map(String);
}

/** SIGKILL to a guest's process, which only root of the user namespace may send. */
export function killGuest(keeper: number, pid: number): void {
  inNamespace(keeper, 'kill', ['-KILL', String(pid)]);
}
