import { constants, readSync } from 'node:fs';

import { WarrenError } from '../contract/errors.ts';
import { O_PATH } from '../sys/kernel/fs.ts';
import { openProcEntry } from '../sys/kernel/process.ts';
import { closeFd } from '../sys/kernel/socket.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { openIdentity } from './processes.ts';
import type { MachineRoot, ProcessIdentity } from './types.ts';

/** Some ten thousand mounts: a guest may have ten times that, and each path across one looks at all. */
const maxMountinfoBytes = 1024 * 1024;

/** See `Runtime.findRoot`. */
export function findRoot(init: ProcessIdentity): MachineRoot | undefined {
  const { pid } = init;
  const pidfd = openIdentity(init);
  if (pidfd === undefined) return undefined;
  let fd: number;
  try {
    fd = openProcEntry(pid, pidfd, 'root', O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    closeFd(pidfd);
    // A zombie has no root any more.
    if (hasErrno(error, 'ESRCH') || (error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
  return {
    fd,
    mountinfo: () => {
      const entry = openProcEntry(pid, pidfd, 'mountinfo', constants.O_RDONLY);
      try {
        return readMountinfo(entry);
      } finally {
        closeFd(entry);
      }
    },
    [Symbol.dispose]: () => {
      closeFd(fd);
      closeFd(pidfd);
    },
  };
}

/** The kernel hands it out a page or so at a time. */
function readMountinfo(fd: number): string {
  const buffer = Buffer.allocUnsafe(maxMountinfoBytes);
  let length = 0;
  for (;;) {
    const read = readSync(fd, buffer, length, buffer.length - length, null);
    if (read === 0) return buffer.toString('utf8', 0, length);
    length += read;
    if (length < buffer.length) continue;
    const what = 'reach the file from outside';
    throw new WarrenError('hostile', { what, found: 'the machine has too many mounts' });
  }
}
