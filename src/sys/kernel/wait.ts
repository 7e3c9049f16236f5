import { hasErrno } from '../sys-error.ts';
import { check, libc } from './libc.ts';

const waitidCall = libc.func('int waitid(int idtype, unsigned int id, void *info, int options)');

const P_ALL = 0;
const P_PID = 1;
const WNOHANG = 0x1;
const WEXITED = 0x4;
const WNOWAIT = 0x0100_0000;

const kinds: Readonly<Record<number, WaitStatus['kind']>> = {
  1: 'exited',
  2: 'killed',
  3: 'dumped',
};

/** How a child ended, as waitid(2) splits it. */
export interface WaitStatus {
  readonly pid: number;
  readonly kind: 'exited' | 'killed' | 'dumped';
  /** Exit code, or number of the signal. */
  readonly value: number;
}

/**
 * A child that has ended, still a zombie (WNOWAIT): its /proc entry and pid stay until `reap`.
 * Undefined when none has ended, or there are no children.
 */
export function findEndedChild(): WaitStatus | undefined {
  return waitid(P_ALL, 0, WEXITED | WNOHANG | WNOWAIT);
}

/**
 * Takes the status of child `pid` and lets its pid go. Undefined when it still runs or is no child.
 */
export function reap(pid: number): WaitStatus | undefined {
  return waitid(P_PID, pid, WEXITED | WNOHANG);
}

function waitid(idtype: number, id: number, options: number): WaitStatus | undefined {
  // siginfo_t of 128 bytes; for SIGCHLD on 64-bit: si_code at 8, si_pid at 16, si_status at 24.
  const info = Buffer.alloc(128);
  try {
    check(waitidCall(idtype, id, info, options) as number, 'waitid');
  } catch (error) {
    if (hasErrno(error, 'ECHILD')) return undefined;
    throw error;
  }
  const pid = info.readInt32LE(16);
  const kind = kinds[info.readInt32LE(8)];
  return pid === 0 || kind === undefined ? undefined : { pid, kind, value: info.readInt32LE(24) };
}
