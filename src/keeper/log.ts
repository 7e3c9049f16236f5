import { writeSync } from 'node:fs';

import { hasErrno } from '../sys/sys-error.ts';

export type Log = (message: string) => void;

/**
 * Lines with the time on standard error, which is the log file. A full disk must not stop the
 * keeper: the line is lost then.
 */
export function logToStderr(message: string): void {
  try {
    writeSync(2, `${new Date().toISOString()} ${message}\n`);
  } catch (error) {
    if (!hasErrno(error, 'ENOSPC', 'EDQUOT', 'EAGAIN', 'EIO', 'EPIPE')) throw error;
  }
}
