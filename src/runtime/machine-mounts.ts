import { closeSync, openSync, readSync } from 'node:fs';

import { hasErrno } from '../sys/sys-error.ts';

/**
 * Some ten thousand mounts: a guest may have ten times that, and whoever reads them looks at all.
 */
const maxMountinfoBytes = 1024 * 1024;
/** For one reader after the other: a new one for each had V8 collect garbage every tenth time. */
const buffer = Buffer.allocUnsafeSlow(maxMountinfoBytes);

/**
 * What an open /proc/PID/mountinfo of a machine says (man 5 proc_pid_mountinfo); undefined where a
 * guest has made more than 1 MiB of it. The caller closes `fd`.
 */
export function readMounts(fd: number): string | undefined {
  let length = 0;
  // The kernel hands it out a page or so at a time.
  for (;;) {
    const read = readSync(fd, buffer, length, buffer.length - length, null);
    if (read === 0) return buffer.toString('utf8', 0, length);
    length += read;
    if (length === buffer.length) return undefined;
  }
}

/** The same for a process by its number; undefined also when it has ended. */
export function readMountsOf(pid: number): string | undefined {
  try {
    const fd = openSync(`/proc/${pid}/mountinfo`, 'r');
    try {
      return readMounts(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH', 'EINVAL')) return undefined;
    throw error;
  }
}
