import { constants, readFileSync } from 'node:fs';

import { O_PATH } from '../sys/kernel/fs.ts';
import { openProcEntry } from '../sys/kernel/process.ts';
import { closeFd } from '../sys/kernel/socket.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { openIdentity } from './processes.ts';
import type { MachineRoot, ProcessIdentity } from './types.ts';

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
        return readFileSync(entry, 'utf8');
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
