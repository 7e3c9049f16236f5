import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import { readCgroupWords } from '../../sys/proc/cgroup.ts';
import { cgroupView, isRefusedHybrid, readMounts } from '../cgroup-view.ts';
import { findDelegated } from '../cgroup.ts';
import { readU0Record } from '../keeper.ts';
import { findUserManager } from '../systemd.ts';
import { serviceName, transientName } from '../unit.ts';
import { fatal, hasSystemd, missing, ok, warning, type Check, type Finding } from './check.ts';

/** Controllers that a `limits.…` key needs. */
const wanted = ['cpu', 'cpuset', 'io', 'memory', 'pids'];

/**
 * A user manager that runs goes on with the controllers that it began with, and so does a daemon.
 */
const takeUp = ['systemctl --user daemon-reexec', 'warren daemon restart'];

/** What an administrator writes once. Without it, `cpuset` and `io` are never delegated. */
const dropIn = [
  'sudo mkdir -p /etc/systemd/system/user@.service.d',
  'sudo tee /etc/systemd/system/user@.service.d/delegate.conf <<EOF',
  '[Service]',
  'Delegate=cpu cpuset io memory pids',
  'EOF',
  'sudo systemctl daemon-reload',
  ...takeUp,
].join('\n');

const unifiedOnly =
  'add systemd.unified_cgroup_hierarchy=1 to the kernel command line and restart the host';

/** Where no systemd delegates anything, root does with a script of ours. */
function groundCommand(user: string): string {
  const ground = resolve(dirname(process.argv[1] ?? ''), '../../src/setup/ground.sh');
  return [
    `sudo sh ${ground} prepare ${user}`,
    `sudo sh ${ground} run ${user} sh -c 'warren daemon stop --machines; warren list'`,
  ].join('\n');
}

/** Controllers of cgroup v1 hierarchies, which v2 cannot have meanwhile (man 7 cgroups). */
function heldByV1(): ReadonlySet<string> {
  const lines = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n');
  return new Set(lines.flatMap((line) => (line.split(':')[1] ?? '').split(',')));
}

/**
 * Which cgroup controllers this user may hand to machines. Where a U0 is, machines see what it
 * sees, whatever this shell does: one that a service or `ground.sh run` began has a part of its
 * own.
 */
export const checkCgroup: Check = async ({ env, user, paths }) => {
  const u0 = readU0Record(paths);
  const pid = u0?.pin.pid ?? 'self';
  const mounts = readMounts(pid);
  const view = cgroupView(mounts);
  if (view === 'own') {
    return tellControllers(`/proc/${pid}/root/sys/fs/cgroup`, [], u0?.cgroupDir ?? 'the cgroup');
  }
  const manager = await findUserManager(env, user);
  const delegated = u0 === undefined ? findDelegated() : undefined;
  if (isRefusedHybrid(pid, view) && (manager !== undefined || delegated === undefined)) {
    return fatal(
      'cgroup v1 is mounted with controllers of v2 beside it, and no cgroup is your own: crun starts nothing',
      hasSystemd() ? unifiedOnly : groundCommand(user.name),
    );
  }
  const mount = mounts.find(({ type }) => type === 'cgroup2');
  if (mount === undefined) {
    return missing(
      'cgroup v2 is not mounted: machines with systemd are refused, and no limit can be set',
      unifiedOnly,
    );
  }
  const ofManager = `${mount.mountPoint}/user.slice/user-${user.uid}.slice/user@${user.uid}.service`;
  const directory = manager !== undefined && existsSync(ofManager) ? ofManager : delegated;
  if (directory === undefined) {
    return missing(
      'no cgroup is delegated to you: machines with systemd are refused, and no limit can be set',
      u0 !== undefined && findDelegated() !== undefined
        ? 'warren daemon stop --machines; warren list'
        : hasSystemd()
          ? `log in through ssh or a console and not su, or: sudo loginctl enable-linger ${user.name}`
          : groundCommand(user.name),
    );
  }
  return tellControllers(directory, [serviceName(paths), transientName(paths)], directory);
};

/**
 * What lies in `directory`, and which of it comes through to a service that warren runs in; `shown`
 * names it.
 */
function tellControllers(directory: string, services: readonly string[], shown: string): Finding {
  const has = readCgroupWords(`${directory}/cgroup.controllers`);
  const lacking = wanted.filter((controller) => !has.includes(controller));
  const delegated = wanted.filter((controller) => has.includes(controller)).join(' ');
  const passedOn = readCgroupWords(
    services
      .map((name) => `${directory}/app.slice/${name}/cgroup.controllers`)
      .find((file) => existsSync(file)) ?? `${directory}/cgroup.controllers`,
  );
  const held = wanted.filter((name) => has.includes(name) && !passedOn.includes(name));
  if (held.length > 0) {
    return warning(
      `cgroup: ${held.join(' ')} are delegated since your systemd manager started, and limits that need them are still refused`,
      takeUp.join('\n'),
    );
  }
  if (lacking.length === 0) return ok(`cgroup: ${delegated}`);
  return warning(
    `cgroup: ${delegated === '' ? 'no controller is' : `${delegated} are`} delegated; limits that need ${lacking.join(', ')} will be refused`,
    lacking.some((controller) => heldByV1().has(controller))
      ? 'add cgroup_no_v1=all to the kernel command line and restart the host: cgroup v1 holds them'
      : hasSystemd()
        ? dropIn
        : `have root write "${lacking.map((controller) => `+${controller}`).join(' ')}" to cgroup.subtree_control of each directory above ${shown}`,
  );
}
