import { release } from 'node:os';

import { fatal, ok, readNumber, warning, type Check } from './check.ts';

/** The kernel's age, and whether keeper and daemon may fetch each other's descriptors (Yama). */
export const checkKernel: Check = () => {
  const version = release();
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (readNumber('/proc/sys/kernel/yama/ptrace_scope') === 3) {
    return fatal(
      `Linux ${version}, and kernel.yama.ptrace_scope is 3: no process may fetch a descriptor of another`,
      'set kernel.yama.ptrace_scope to 2 or less in /etc/sysctl.d and restart the host',
    );
  }
  const before = (wantedMajor: number, wantedMinor: number): boolean =>
    major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
  if (before(5, 6))
    return fatal(`Linux ${version} has no pidfd_getfd(2)`, 'use Linux 5.11 or newer');
  if (before(5, 11)) {
    return warning(`Linux ${version}: overlayfs cannot be mounted without root before 5.11`);
  }
  return ok(`Linux ${version}`);
};
