import { constants } from 'node:fs';

import type { ProcessIdentity } from '../base/process-identity.ts';
import { WarrenError } from '../contract/errors.ts';
import { O_PATH } from '../sys/kernel/fs.ts';
import { openProcEntry } from '../sys/kernel/process.ts';
import { closeFd } from '../sys/kernel/socket.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { readMounts } from './machine-mounts.ts';
import { openIdentity } from './processes.ts';
import type { MachineRoot } from './types.ts';

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
        const mounts = readMounts(entry);
        if (mounts !== undefined) return mounts;
        const what = 'reach the file from outside';
        throw new WarrenError('hostile', { what, found: 'the machine has too many mounts' });
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
