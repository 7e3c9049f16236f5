import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

import { isMachineName } from '../../base/names.ts';
import { transientSuffix } from '../../contract/host.ts';
import { run } from '../../sys/programs/run.ts';
import { parseCgroupPath, readCgroupWords } from '../../sys/proc/cgroup.ts';
import type { CgroupDriver } from './driver.ts';
import { killTree } from './tree.ts';
import { planUnitProperties, setUnitProperties } from './unit-properties.ts';

/** Where the user's systemd manager is to be found, from the daemon's own environment. */
export interface UserBus {
  readonly XDG_RUNTIME_DIR?: string | undefined;
  readonly DBUS_SESSION_BUS_ADDRESS?: string | undefined;
}

const mountPoint = '/sys/fs/cgroup';
const usable = ['cpu', 'cpuset', 'hugetlb', 'io', 'memory', 'pids'];

/**
 * The user's systemd manager: the OCI runtime asks it over D-Bus for a scope `warren-NAME.scope`
 * (see `scopePrefix`) with the machine's limits. The manager is asked where its own cgroup is,
 * which proves that it answers us. Throws with the reason when it does not, or when our cgroup
 * namespace hides its tree.
 */
export async function openSystemd(bus: UserBus): Promise<CgroupDriver> {
  const runtimeEnv = busEnvironment(bus);
  const { stdout } = await run(
    'busctl',
    [
      '--user',
      'get-property',
      'org.freedesktop.systemd1',
      '/org/freedesktop/systemd1',
      'org.freedesktop.systemd1.Manager',
      'ControlGroup',
    ],
    { what: 'reach the systemd user manager', env: runtimeEnv, timeoutMs: 5000 },
  );
  const managerPath = /^s "(\/.*)"$/.exec(stdout.trim())?.[1];
  if (managerPath === undefined) throw new Error(`the user manager answered ${stdout}`);
  const own = parseCgroupPath(readFileSync('/proc/self/cgroup', 'utf8')) ?? '';
  const manager = `${mountPoint}${managerPath}`;
  if (!own.startsWith(`${managerPath}/`) || !existsSync(manager)) {
    throw new Error(`the user manager's cgroup ${managerPath} is not ours (${own})`);
  }
  // The runtime puts the scopes of an ordinary user into user.slice, below the manager.
  const slice = `${manager}/user.slice`;
  const prefix = scopePrefix(own);
  const unitOf = (name: string): string => `${prefix}-${name}.scope`;
  const directoryOf = (name: string): string => `${slice}/${unitOf(name)}`;
  // What the manager hands on to a unit with Delegate=, such as the one we run in.
  const offered = readCgroupWords(`${mountPoint}${own}/cgroup.controllers`);
  const controllers = usable.filter((controller) => offered.includes(controller));
  return {
    report: {
      driver: 'systemd',
      controllers,
      why: 'a systemd user manager answers',
    },
    runtimeArgs: ['--systemd-cgroup'],
    runtimeEnv,
    cgroupsPath: (name) => `user.slice:${prefix}:${name}`,
    annotations: {
      // The scope itself is the machine's, with all its limits: no other cgroup between it and the
      // guest.
      'run.oci.systemd.subgroup': '',
      ...stoppedLaterThan(own),
    },
    announce: (name, limits) =>
      setUnitProperties(unitOf(name), planUnitProperties(limits, controllers), runtimeEnv),
    findDirectory: (name) => (existsSync(directoryOf(name)) ? directoryOf(name) : undefined),
    remove: (name) => {
      // systemd removes a scope when its last process has gone.
      killTree(directoryOf(name));
      return Promise.resolve();
    },
    list: () =>
      existsSync(slice)
        ? readdirSync(slice).flatMap((entry) => {
            const isOurs = entry.startsWith(`${prefix}-`) && entry.endsWith('.scope');
            const name = entry.slice(prefix.length + 1, -'.scope'.length);
            return isOurs && isMachineName(name) ? [name] : [];
          })
        : [],
  };
}

/**
 * `warren`, or with a WARREN_DIR of its own, whose service is `warren-HASH.service`, `warren_HASH`:
 * two daemons of one user have machines of the same names, and each removes the scopes that it does
 * not know. No machine of the one is called so that its scope could be the other's.
 */
export function scopePrefix(ownCgroup: string): string {
  const hash = /^warren-([0-9a-f]{8})\.service$/.exec(basename(ownCgroup))?.[1];
  return hash === undefined ? 'warren' : `warren_${hash}`;
}

/**
 * Of all that a manager stops when it ends, the service that we are goes first: it shuts its
 * machines down, and a scope's stop is SIGTERM for every process of it. An installed unit may take
 * the place of a transient one while the machine runs.
 */
function stoppedLaterThan(ownCgroup: string): Record<string, string> {
  const service = basename(ownCgroup);
  if (!/^[\w-]+\.service$/.test(service)) return {};
  const installed = service.replace(new RegExp(`(?:${transientSuffix})?\\.service$`), '');
  return {
    'org.systemd.property.Before': `['${installed}.service', '${installed}${transientSuffix}.service']`,
  };
}

/** Throws when there is no bus to ask, which spares a program that would only time out. */
function busEnvironment(bus: UserBus): Record<string, string> {
  const { XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS } = bus;
  if (XDG_RUNTIME_DIR === undefined || XDG_RUNTIME_DIR === '') {
    throw new Error('XDG_RUNTIME_DIR is not set');
  }
  if (!existsSync(`${XDG_RUNTIME_DIR}/bus`)) {
    throw new Error(`there is no ${XDG_RUNTIME_DIR}/bus`);
  }
  return {
    XDG_RUNTIME_DIR,
    DBUS_SESSION_BUS_ADDRESS: DBUS_SESSION_BUS_ADDRESS ?? `unix:path=${XDG_RUNTIME_DIR}/bus`,
  };
}
