import { totalmem } from 'node:os';

import { guestPath, type HostPath } from '../../base/brand.ts';
import { ownNameOf } from '../../base/names.ts';
import type { ConfigLayer, Expanded } from '../../contract/config/expand.ts';
import {
  type EffectiveLimits,
  effectiveLimits,
  effectiveRlimits,
} from '../../contract/config/limits.ts';
import { readBool, readIdmap, readPrefix, readSeccomp } from '../../contract/config/read.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { BindMount, MachineSpec } from '../../runtime/types.ts';
import type { GuestFiles } from '../../storage/types.ts';
import { findBlockDevice } from '../../sys/proc/block-device.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import { planIdmap } from '../idmap.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';
import { visibleCpus } from './visible-cpus.ts';

/** The limits a machine's config asks for, measured against this host. */
export function planLimits(
  deps: Pick<EngineDeps, 'runtime' | 'paths'>,
  expanded: Expanded,
): EffectiveLimits {
  return effectiveLimits(expanded, {
    memoryBytes: totalmem(),
    controllers: deps.runtime.cgroup.controllers,
    blockDevice: (device, source) => blockDeviceOf(device, source ?? deps.paths.instancesDir),
  });
}

/** Throws `host_lacks` for a path on a file system that lies on no block device. */
function blockDeviceOf(device: string, path: string): string | undefined {
  let found: ReturnType<typeof findBlockDevice>;
  try {
    found = findBlockDevice(path);
  } catch (error) {
    // A source that is missing is told of, or let through, by who mounts it.
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP')) return undefined;
    throw error;
  }
  if ('block' in found) return found.block;
  throw new WarrenError('host_lacks', {
    what: `limit reading and writing on the disk ${device}`,
    found: `${path} lies on ${found.fileSystem}, which no block device is below`,
    wanted: 'a file system such as ext4, xfs or btrfs on a disk of the host',
    hint: `findmnt -T ${path}`,
  });
}

/** Everything that `crun create` must know, decided. */
export function planSpec(
  deps: Pick<EngineDeps, 'ids' | 'runtime'>,
  record: InstanceRecord,
  expanded: ConfigLayer,
  made: {
    readonly root: HostPath;
    readonly limits: EffectiveLimits['limits'];
    readonly mounts: readonly BindMount[];
    readonly init: readonly string[];
  },
): MachineSpec {
  const { config } = expanded;
  const idmap = planIdmap(record.slice, readIdmap(config), deps.ids.u0);
  if (idmap.issues.length > 0) {
    throw new WarrenError('invalid', { what: `start ${record.name}`, issues: idmap.issues });
  }
  return {
    name: record.name,
    hostname: ownNameOf(record.name),
    root: made.root,
    idmap: idmap.map,
    init: made.init,
    environment: readPrefix(config, 'environment.*'),
    uuid: config['volatile.uuid'] ?? '',
    mounts: made.mounts,
    nesting: readBool(config, 'security.nesting') === true,
    noNewPrivileges: readBool(config, 'warren.no_new_privileges') === true,
    seccomp: readSeccomp(config),
    rlimits: effectiveRlimits(config),
    sysctl: readPrefix(config, 'linux.sysctl.*'),
    limits: made.limits,
    cpus: visibleCpus(config, record.id, deps.runtime.cpus),
  };
}

const initCandidates = ['/sbin/init', '/usr/sbin/init', '/lib/systemd/systemd', '/bin/init'];

/** What a machine starts as its process 1. */
export interface Init {
  readonly command: readonly string[];
  /** Then it says READY=1 when it has booted. */
  readonly isSystemd: boolean;
}

/** The init of the machine `name`. Throws `invalid` for a root file system that has none. */
export async function getInit(name: string, files: GuestFiles): Promise<Init> {
  for (const candidate of initCandidates) {
    const stat = await files.stat(guestPath(candidate)).catch(() => undefined);
    if (stat === undefined || stat.type === 'directory') continue;
    const target = stat.type === 'symlink' ? await files.readLink(guestPath(candidate)) : candidate;
    return { command: [candidate], isSystemd: /(?:^|\/)systemd$/.test(target) };
  }
  throw new WarrenError('invalid', {
    what: `start ${name}`,
    issues: [
      { path: '', problem: 'its root file system has no /sbin/init, wanted that of a full system' },
    ],
  });
}
