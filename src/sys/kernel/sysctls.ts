import { closeSync, openSync, readFileSync } from 'node:fs';

import { hasErrno } from '../sys-error.ts';
import { openKernelThread } from './thread.ts';

/** What a file of /proc/sys shows is that of the namespaces of the thread that opens it. */
const program = `
const open = libc.func('int open(const char *path, int flags)');
const CLONE_NEWIPC = 0x08000000;
const CLONE_NEWNET = 0x40000000;
const O_CLOEXEC = 0x80000;
const work = {
  enter({ ipcFd, netFd }) {
    check('setns', setns(ipcFd, CLONE_NEWIPC));
    return check('setns', setns(netFd, CLONE_NEWNET));
  },
  open({ path }) {
    return check('open', open(path, O_CLOEXEC));
  },
};
`;

/**
 * Sysctls (`net.core.somaxconn`) as the network and IPC namespaces of process `pid` have them,
 * numbers apart by one space each. Null for what cannot be read, as `net.ipv4.route.flush` by
 * nobody; those that it lacks are left out. Throws ENOENT when the process has gone. Source:
 * proc_sys(5), namespaces(7).
 */
export async function readSysctlsOf(
  pid: number,
  keys: readonly string[],
): Promise<Record<string, string | null>> {
  const fds: number[] = [];
  const keep = (fd: number): number => {
    fds.push(fd);
    return fd;
  };
  using thread = openKernelThread('namespaces of sysctls', program);
  try {
    const ipcFd = keep(openSync(`/proc/${pid}/ns/ipc`, 'r'));
    const netFd = keep(openSync(`/proc/${pid}/ns/net`, 'r'));
    await thread.call('enter', { ipcFd, netFd });
    const found: Record<string, string | null> = {};
    for (const key of keys) {
      try {
        const path = `/proc/sys/${key.replaceAll('.', '/')}`;
        const text = readFileSync(keep(await thread.call('open', { path })), 'utf8');
        found[key] = text.trim().replaceAll(/\s+/g, ' ');
      } catch (error) {
        if (hasErrno(error, 'EACCES', 'EPERM', 'EINVAL')) found[key] = null;
        else if (!hasErrno(error, 'ENOENT')) throw error;
      }
    }
    return found;
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
