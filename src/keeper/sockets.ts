import { rmSync } from 'node:fs';

import { duplicateFd } from '../sys/kernel/process.ts';
import { bindUnix, closeFd, listenOn, openUnixSocket } from '../sys/kernel/socket.ts';

const backlog = 512;

/**
 * A listening unix socket of mode 0600 in place of whatever stale one lies there: the caller holds
 * the lock of the directory. The caller closes it.
 */
export function listenAt(path: string): number {
  rmSync(path, { force: true });
  const fd = openUnixSocket('stream');
  // The mode must be right from the first moment, and bind(2) takes it from the umask.
  const before = process.umask(0o177);
  try {
    bindUnix(fd, path);
  } catch (error) {
    closeFd(fd);
    throw error;
  } finally {
    process.umask(before);
  }
  listenOn(fd, backlog);
  return fd;
}

/**
 * As `listenAt`, in place of the socket behind `fd`, which keeps its number: whoever watches it
 * watches the new one from now on.
 */
export function listenAgainAt(path: string, fd: number): void {
  const fresh = listenAt(path);
  closeFd(fd);
  duplicateFd(fresh, fd);
  closeFd(fresh);
}
