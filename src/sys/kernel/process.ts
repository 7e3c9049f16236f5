import { openSync, readdirSync } from 'node:fs';

import { SysError } from '../sys-error.ts';
import { closeFd } from './socket.ts';
import { check, libc } from './libc.ts';
import { poll } from './poll.ts';
import { prctl } from './prctl.ts';

const syscallNumbers = {
  pidfd_send_signal: 424,
  pidfd_open: 434,
  pidfd_getfd: 438,
} as const;

// Numbers and not wrappers: glibc has these three only since 2.36. The numbers are the same on
// every architecture that Linux gained since 2011, and on x86_64.
const syscall = libc.func('long syscall(long number, long a, long b, intptr_t c, long d)');
const fcntl = libc.func('fcntl', 'int', ['int', 'int', 'long']);
const flock = libc.func('int flock(int fd, int operation)');
const schedSetaffinity = libc.func(
  'int sched_setaffinity(int pid, size_t size, const uint8_t *mask)',
);

const PR_SET_CHILD_SUBREAPER = 36;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const F_GETFL = 3;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1030;
const O_NONBLOCK = 0x800;
const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * A descriptor of the process that has `pid` now (man 2 pidfd_open); readable once it has ended.
 * Close-on-exec, the caller closes it. `ESRCH` when there is none; a zombie can be opened.
 */
export function pidfdOpen(pid: number): number {
  return invoke('pidfd_open', pid, 0, 0, 0, `pid ${pid}`);
}

/** Sends a signal to the very process behind `pidfd`. `ESRCH` when it has ended and been reaped. */
export function pidfdSendSignal(pidfd: number, signal: number): void {
  invoke('pidfd_send_signal', pidfd, signal, 0, 0);
}

/**
 * A duplicate of descriptor `fd` of the process behind `pidfd` (man 2 pidfd_getfd). Close-on-exec,
 * the caller closes it. Needs the right to ptrace that process: the same user and a dumpable
 * process in a user namespace not above ours. `EBADF` when it has no such descriptor.
 */
export function pidfdGetfd(pidfd: number, fd: number): number {
  return invoke('pidfd_getfd', pidfd, fd, 0, 0, `fd ${fd}`);
}

/** Whether the process behind `pidfd` has ended, be it reaped or a zombie. */
export function hasEnded(pidfd: number): boolean {
  return poll([{ fd: pidfd, events: 'read' }], 0).some(({ readable }) => readable);
}

/**
 * Makes this process the one that orphaned descendants are handed to (man 2
 * PR_SET_CHILD_SUBREAPER). Not inherited by children.
 */
export function becomeSubreaper(): void {
  check(prctl(PR_SET_CHILD_SUBREAPER, 1), 'prctl PR_SET_CHILD_SUBREAPER');
}

/**
 * Has one thread run on these CPUs alone (man 2 sched_setaffinity); 0 is the calling one. What it
 * starts afterwards does too. `ESRCH` when there is none, `EINVAL` when its cpuset has none of
 * them.
 */
export function setCpuAffinity(tid: number, cpus: readonly number[]): void {
  const mask = Buffer.alloc(1024);
  for (const cpu of cpus) mask[cpu >> 3] = (mask[cpu >> 3] ?? 0) | (1 << (cpu & 7));
  check(schedSetaffinity(tid, mask.length, mask) as number, 'sched_setaffinity', `${tid}`);
}

/** A duplicate of `fd`, numbered `atLeast` or more, close-on-exec. The caller closes it. */
export function duplicateFd(fd: number, atLeast = 3): number {
  return check(fcntl(fd, F_DUPFD_CLOEXEC, atLeast) as number, 'fcntl F_DUPFD_CLOEXEC', `fd ${fd}`);
}

/**
 * Makes every descriptor above 2 close-on-exec: those we inherited from whoever started us too,
 * which would otherwise live on in a process that outlives them.
 */
export function closeInheritedOnExec(): void {
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    // One of them was the directory's own and is closed again.
    if (fd > 2) fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
}

/** Sets O_NONBLOCK, for every duplicate of `fd` in every process. */
export function setNonBlocking(fd: number): void {
  const flags = check(fcntl(fd, F_GETFL, 0) as number, 'fcntl F_GETFL', `fd ${fd}`);
  check(fcntl(fd, F_SETFL, flags | O_NONBLOCK) as number, 'fcntl F_SETFL', `fd ${fd}`);
}

/**
 * Takes the exclusive lock of an open file, or answers false when another open file description
 * has one (man 2 flock). It is released when the last duplicate of `fd` is closed.
 */
export function tryLock(fd: number): boolean {
  return lockNow(fd, LOCK_EX);
}

/**
 * Whether another open file description has the exclusive lock. Takes the shared one, so that
 * several can look at once.
 */
export function isLocked(fd: number): boolean {
  return !lockNow(fd, LOCK_SH);
}

function lockNow(fd: number, operation: number): boolean {
  try {
    check(flock(fd, operation | LOCK_NB) as number, 'flock', `fd ${fd}`);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return false;
    throw error;
  }
}

/**
 * Opens `/proc/PID/entry` of the very process behind `pidfd`, which still runs after the open: a
 * pid may have been given to another meanwhile. `ESRCH` when it has ended. The caller closes it.
 */
export function openProcEntry(pid: number, pidfd: number, entry: string, flags: number): number {
  const path = `/proc/${pid}/${entry}`;
  const fd = openSync(path, flags);
  if (!hasEnded(pidfd)) return fd;
  closeFd(fd);
  throw new SysError('ESRCH', 'open', path);
}

/** Runs `use` with a pidfd of `pid` and closes it. */
export function withPidfd<T>(pid: number, use: (pidfd: number) => T): T {
  const pidfd = pidfdOpen(pid);
  try {
    return use(pidfd);
  } finally {
    closeFd(pidfd);
  }
}

function invoke(
  name: keyof typeof syscallNumbers,
  a: number,
  b: number,
  c: number,
  d: number,
  about?: string,
): number {
  return check(Number(syscall(syscallNumbers[name], a, b, c, d)), name, about);
}
