import { closeSync } from 'node:fs';

import { hasErrno } from '../sys-error.ts';
import { check, libc } from './libc.ts';

const inotifyInit1 = libc.func('int inotify_init1(int flags)');
const IN_CLOEXEC = 0o2000000;

/**
 * How many more inotify instances could be made here, up to `atMost`, found by making them and
 * closing them at once. The kernel counts them per user and in every user namespace on the way up
 * (fs.inotify.max_user_instances, user_namespaces(7)), so that what is started from here has the
 * same.
 */
export function countSpareInotify(atMost: number): number {
  const fds: number[] = [];
  try {
    while (fds.length < atMost) {
      fds.push(check(inotifyInit1(IN_CLOEXEC) as number, 'inotify_init1'));
    }
  } catch (error) {
    if (!hasErrno(error, 'EMFILE')) throw error;
  } finally {
    for (const fd of fds) closeSync(fd);
  }
  return fds.length;
}
