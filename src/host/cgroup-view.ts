import { readFileSync } from 'node:fs';

import { readCgroupWords } from '../sys/proc/cgroup.ts';
import { parseMountinfo, type MountEntry } from '../sys/proc/mountinfo.ts';

const mountPoint = '/sys/fs/cgroup';

/**
 * What a process is shown at /sys/fs/cgroup: a part of a U0's own and nothing else, as warren
 * mounts it (`own`); cgroup v2 (`unified`); v1 hierarchies with v2 beside them (`hybrid`); v1 alone
 * or nothing (`none`).
 */
export type CgroupView = 'own' | 'unified' | 'hybrid' | 'none';

/** By the mounts that a process sees. Later ones hide earlier ones at the same place. */
export function cgroupView(mounts: readonly MountEntry[]): CgroupView {
  const at = (place: string): MountEntry | undefined =>
    mounts.findLast((mount) => mount.mountPoint === place);
  const top = at(mountPoint);
  if (top?.type === 'cgroup2') return top.source === 'warren' ? 'own' : 'unified';
  if (at(`${mountPoint}/unified`)?.type === 'cgroup2') return 'hybrid';
  return mounts.some(({ type }) => type === 'cgroup2') ? 'unified' : 'none';
}

/** The mounts that a process sees. */
export function readMounts(pid: number | 'self'): readonly MountEntry[] {
  return parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
}

/**
 * Whether the OCI runtime refuses what process `pid` sees. crun takes v1 beside v2 for v1, and
 * gives up when v2 has controllers all the same ("cgroups in hybrid mode not supported").
 */
export function isRefusedHybrid(pid: number | 'self', view: CgroupView): boolean {
  const root = pid === 'self' ? '' : `/proc/${pid}/root`;
  return (
    view === 'hybrid' &&
    readCgroupWords(`${root}${mountPoint}/unified/cgroup.controllers`).length > 0
  );
}
