import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import { parseMountinfo } from '../../sys/proc/mountinfo.ts';
import { readCgroupWords } from '../../sys/proc/cgroup.ts';
import { findDelegated } from '../cgroup.ts';
import { findUserManager } from '../systemd.ts';
import { serviceName, transientName } from '../unit.ts';
import { hasSystemd, missing, ok, warning, type Check } from './check.ts';

/** Controllers that a `limits.…` key needs. */
const wanted = ['cpu', 'cpuset', 'io', 'memory', 'pids'];

/** A user manager that runs goes on with the controllers that it began with, and so does a daemon. */
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

/** Which cgroup controllers this user may hand to machines. */
export const checkCgroup: Check = async ({ env, user, paths }) => {
  const mount = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')).find(
    ({ type }) => type === 'cgroup2',
  );
  if (mount === undefined) {
    return missing(
      'cgroup v2 is not mounted: machines with systemd are refused, and no limit can be set',
      'add systemd.unified_cgroup_hierarchy=1 to the kernel command line and restart the host',
    );
  }
  const manager = await findUserManager(env, user);
  const ofManager = `${mount.mountPoint}/user.slice/user-${user.uid}.slice/user@${user.uid}.service`;
  const directory = manager !== undefined && existsSync(ofManager) ? ofManager : findDelegated();
  if (directory === undefined) {
    return missing(
      'no cgroup is delegated to you: machines with systemd are refused, and no limit can be set',
      hasSystemd()
        ? `log in through ssh or a console and not su, or: sudo loginctl enable-linger ${user.name}`
        : groundCommand(user.name),
    );
  }
  const has = readCgroupWords(`${directory}/cgroup.controllers`);
  const lacking = wanted.filter((controller) => !has.includes(controller));
  const delegated = wanted.filter((controller) => has.includes(controller)).join(' ');
  const services = [serviceName(paths), transientName(paths)];
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
        : `have root write "${lacking.map((controller) => `+${controller}`).join(' ')}" to cgroup.subtree_control of each directory above ${directory}`,
  );
};
