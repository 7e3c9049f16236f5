import { openCgroupfs, type HostPart } from './cgroupfs.ts';
import type { CgroupDriver } from './driver.ts';
import { openSystemd, type UserBus } from './systemd.ts';

/**
 * The best driver that works here, found by trying: systemd, then cgroupfs, then none. `report.why`
 * has the reasons against the better ones.
 */
export async function detectCgroups(bus: UserBus, host?: HostPart): Promise<CgroupDriver> {
  const reasons: string[] = [];
  for (const [driver, open] of [
    ['systemd', () => openSystemd(bus)],
    ['cgroupfs', () => openCgroupfs(host)],
  ] as const) {
    try {
      const found = await open();
      const why = [found.report.why, ...reasons].join('; ');
      return { ...found, report: { ...found.report, why } };
    } catch (error) {
      reasons.push(`no ${driver}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return withoutCgroups(reasons.join('; '));
}

/** Machines live in whatever cgroup the daemon is in: no limits, no freezing, no systemd guests. */
export function withoutCgroups(why: string): CgroupDriver {
  return {
    report: { driver: 'none', controllers: [], why },
    runtimeArgs: ['--cgroup-manager=disabled'],
    runtimeEnv: {},
    cgroupsPath: () => undefined,
    findDirectory: () => undefined,
    remove: () => Promise.resolve(),
    list: () => [],
  };
}
