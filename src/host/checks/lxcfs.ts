import { readFileSync } from 'node:fs';

import { lxcfsMountPoint, parseMountinfo } from '../../sys/proc/mountinfo.ts';
import { findProgram, hasSystemd, missing, ok, warning, type Check } from './check.ts';

/** The lxcfs service of this host, whose files machines have in their /proc. */
export const checkLxcfs: Check = () => {
  const mounts = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (mounts.some(({ mountPoint }) => mountPoint === lxcfsMountPoint)) {
    return ok('lxcfs: machines see their own memory and uptime');
  }
  const without = "machines see the host's memory and uptime in free(1) and uptime(1)";
  if (findProgram('lxcfs') === undefined) {
    return missing(`lxcfs is not installed: ${without}`, 'sudo apt install lxcfs');
  }
  const start = hasSystemd() ? 'systemctl enable --now lxcfs' : 'service lxcfs start';
  return warning(`lxcfs does not run: ${without}`, `sudo ${start}`);
};
