import { randomUUID } from 'node:crypto';

import type { StringMap } from '../../contract/api/instances.ts';
import type { MachineFacts } from '../machine-facts.ts';
import type { BindMount, ExecSpec, MachineSpec } from '../types.ts';
import { capabilitySets } from './capabilities.ts';
import { maskedPaths, planMounts, readonlyPaths } from './mounts.ts';
import { buildSeccomp } from './seccomp.ts';
import type { OciIdMapping, OciProcess, OciRlimit, OciSpec } from './types.ts';

/** What the runtime adds to a machine's own description. */
export interface SpecPlacement {
  readonly hostDir: string;
  /** As the cgroup driver wants it written; undefined without a driver. */
  readonly cgroupsPath: string | undefined;
  readonly views: readonly BindMount[];
  /** For the runtime's own ends. */
  readonly annotations: Readonly<Record<string, string>>;
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Where init finds the notify socket: a directory is bound, so that a new daemon can renew it. */
const notifyGuestPath = '/run/host/notify';

/**
 * Stands for RLIM_INFINITY until the text is written: the number is beyond what JavaScript holds.
 */
const unlimited = randomUUID();

/** `config.json` of a machine. Pure: equal input gives an equal document. */
export function buildSpec(machine: MachineSpec, placement: SpecPlacement): OciSpec {
  const { nesting } = machine;
  const { hostDir, cgroupsPath, views, annotations } = placement;
  const seccomp = buildSeccomp(machine.seccomp);
  return {
    ociVersion: '1.0.2',
    hostname: machine.hostname,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: machine.init,
      env: formatEnvironment({
        PATH: path,
        TERM: 'linux',
        ...machine.environment,
        container: 'lxc',
        container_uuid: machine.uuid,
        NOTIFY_SOCKET: notifyGuestPath,
      }),
      cwd: '/',
      capabilities: capabilitySets(0),
      rlimits: machine.rlimits.map(toRlimit),
      noNewPrivileges: machine.noNewPrivileges,
    },
    root: { path: machine.root, readonly: false },
    mounts: planMounts({ hostDir, nesting, cgroup: cgroupsPath !== undefined, views }),
    annotations,
    linux: {
      namespaces: ['user', 'mount', 'pid', 'network', 'uts', 'ipc', 'cgroup'].map((type) => ({
        type,
      })),
      uidMappings: machine.idmap.uid.map(toMapping),
      gidMappings: machine.idmap.gid.map(toMapping),
      ...(cgroupsPath === undefined ? {} : { cgroupsPath }),
      ...(seccomp === undefined ? {} : { seccomp }),
      sysctl: machine.sysctl,
      maskedPaths: maskedPaths(nesting),
      readonlyPaths: readonlyPaths(nesting),
    },
  };
}

/** The process document for `exec`. */
export function buildExecProcess(
  spec: ExecSpec,
  { noNewPrivileges, rlimits }: Pick<MachineFacts, 'noNewPrivileges' | 'rlimits'>,
): OciProcess {
  const { terminal } = spec;
  return {
    terminal: terminal !== undefined,
    ...(terminal === undefined
      ? {}
      : { consoleSize: { width: terminal.width, height: terminal.height } }),
    user: { uid: spec.uid, gid: spec.gid, additionalGids: spec.additionalGids },
    args: spec.command,
    env: formatEnvironment({ PATH: path, ...spec.environment }),
    cwd: spec.cwd,
    capabilities: capabilitySets(spec.uid),
    rlimits: rlimits.map(({ type, soft, hard }) => ({
      type,
      soft: unlimitedOr(soft),
      hard: unlimitedOr(hard),
    })),
    noNewPrivileges,
  };
}

/** The document as the OCI runtime reads it. */
export function formatSpec(document: OciSpec | OciProcess): string {
  return JSON.stringify(document).replaceAll(`"${unlimited}"`, '18446744073709551615');
}

function formatEnvironment(environment: StringMap): string[] {
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`);
}

function toMapping(extent: { inside: number; outside: number; count: number }): OciIdMapping {
  return { containerID: extent.inside, hostID: extent.outside, size: extent.count };
}

/** A document that was read back has RLIM_INFINITY as the nearest number that there is. */
function unlimitedOr(value: number | string): number | string {
  return typeof value === 'number' && value > Number.MAX_SAFE_INTEGER ? unlimited : value;
}

/** `nofile` as LXD's keys have it, or `RLIMIT_NOFILE`; `Infinity` is no limit. */
function toRlimit(limit: { type: string; soft: number; hard: number }): OciRlimit {
  const name = limit.type.toUpperCase();
  return {
    type: name.startsWith('RLIMIT_') ? name : `RLIMIT_${name}`,
    soft: Number.isFinite(limit.soft) ? limit.soft : unlimited,
    hard: Number.isFinite(limit.hard) ? limit.hard : unlimited,
  };
}
