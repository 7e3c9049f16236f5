import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';

import { isMachineName } from '../../base/names.ts';
import { mount, unmount } from '../../sys/kernel/mount.ts';
import { parseCgroupPath, readCgroupWords } from '../../sys/proc/cgroup.ts';
import { parseMountinfo } from '../../sys/proc/mountinfo.ts';
import type { CgroupDriver } from './driver.ts';
import { removeDeadParts } from './dead-parts.ts';
import { removeTree } from './tree.ts';

const mountPoint = '/sys/fs/cgroup';
const machines = `${mountPoint}/machines`;

/** Our part of the hierarchy as the host sees it. */
export interface HostPart {
  readonly directory: string;
  readonly log: { warn(context: object, message: string): void };
}

/** What machines can be limited with; others in `cgroup.controllers` (rdma, misc) have no key. */
const usable = ['cpu', 'cpuset', 'hugetlb', 'io', 'memory', 'pids'];

/**
 * Our own delegated cgroup2 directory, seen through a cgroup namespace whose root it is: machines
 * lie below `/machines`, the keeper and this daemon in a leaf beside it, because a cgroup with
 * controllers for its children may hold no process. Throws with the reason when any of that cannot
 * be done. Idempotent: the next daemon finds what this one made.
 */
export async function openCgroupfs(host?: HostPart): Promise<CgroupDriver> {
  if (!showsOwnRoot()) {
    if (host !== undefined) {
      await removeDeadParts(host.directory, (error, directory) => {
        host.log.warn(
          { err: error, directory },
          'Cannot remove cgroups that an earlier start left',
        );
      });
    }
    showOwnRoot();
  }
  leaveInnerNodes();
  mkdirSync(machines, { recursive: true });
  await probeMoving();
  for (const directory of [mountPoint, machines]) enableControllers(directory);
  const enabled = readCgroupWords(`${machines}/cgroup.subtree_control`);
  const controllers = usable.filter((controller) => enabled.includes(controller));
  const missing = usable.filter((controller) => !enabled.includes(controller));
  const directoryOf = (name: string): string => `${machines}/${name}`;
  return {
    report: {
      driver: 'cgroupfs',
      controllers,
      why: `a delegated cgroup2 directory${missing.length === 0 ? '' : `, without ${missing.join(', ')}`}`,
    },
    runtimeArgs: ['--cgroup-manager=cgroupfs'],
    runtimeEnv: {},
    cgroupsPath: (name) => `/machines/${name}`,
    findDirectory: (name) => (existsSync(directoryOf(name)) ? directoryOf(name) : undefined),
    remove: (name) => removeTree(directoryOf(name)),
    list: () =>
      readdirSync(machines, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && isMachineName(entry.name))
        .map(({ name }) => name),
  };
}

function showsOwnRoot(): boolean {
  const top = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')).findLast(
    (entry) => entry.mountPoint === mountPoint,
  );
  return top?.type === 'cgroup2' && top.root === '/' && top.source === 'warren';
}

/**
 * Makes /sys/fs/cgroup show the root of our cgroup namespace and nothing else, for the OCI runtime
 * finds its way from there. A tmpfs in between, since cgroup2 over cgroup2 is EBUSY. The kernel
 * refuses the mount (EPERM) when the cgroup namespace is not ours.
 */
function showOwnRoot(): void {
  mount({ source: 'warren', target: mountPoint, type: 'tmpfs', flags: 0, data: 'mode=755' });
  try {
    mount({ source: 'warren', target: mountPoint, type: 'cgroup2', flags: 0 });
  } catch (error) {
    unmount(mountPoint);
    throw error;
  }
}

/** The keeper's host side has put us into a leaf; where it did not, this process makes one. */
function leaveInnerNodes(): void {
  const own = parseCgroupPath(readFileSync('/proc/self/cgroup', 'utf8'));
  if (own === undefined || own.startsWith('/..')) {
    throw new Error(`this process is outside of its cgroup namespace (${own ?? 'no cgroup v2'})`);
  }
  if (own !== '/') return;
  mkdirSync(`${mountPoint}/keeper`, { recursive: true });
  writeFileSync(`${mountPoint}/keeper/cgroup.procs`, String(process.pid), { flag: 'r+' });
}

/** Moves a process, which is what the OCI runtime must be able to do. */
async function probeMoving(): Promise<void> {
  const probe = `${machines}/.probe-${process.pid}`;
  mkdirSync(probe);
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'], env: {} });
  const ended = once(child, 'close');
  try {
    await once(child, 'spawn');
    writeFileSync(`${probe}/cgroup.procs`, String(child.pid), { flag: 'r+' });
  } finally {
    child.stdin.end();
    await ended.catch(() => undefined);
    rmdirSync(probe);
  }
}

/** One by one: a controller that is not offered must not keep the others away. */
function enableControllers(directory: string): void {
  for (const controller of readCgroupWords(`${directory}/cgroup.controllers`)) {
    if (!usable.includes(controller)) continue;
    try {
      writeFileSync(`${directory}/cgroup.subtree_control`, `+${controller}`, { flag: 'r+' });
    } catch {
      // Told by what is in subtree_control afterwards: EBUSY, EACCES and EINVAL all mean "no".
    }
  }
}
