import { hasErrno } from '../sys-error.ts';
import { check, libc } from './libc.ts';

const pollCall = libc.func('int poll(void *fds, unsigned long nfds, int timeout)');

const POLLIN = 0x1;
const POLLOUT = 0x4;
const POLLERR = 0x8;
const POLLHUP = 0x10;
const POLLNVAL = 0x20;

/** What to wait for on a descriptor. `none` still reports hang-ups and errors. */
export interface PollRequest {
  readonly fd: number;
  readonly events: 'read' | 'write' | 'both' | 'none';
}

export interface PollResult {
  readonly fd: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /** The other end is gone; there may be more to read all the same. */
  readonly hungUp: boolean;
  /** In error, or not an open descriptor. */
  readonly failed: boolean;
}

const wanted = { read: POLLIN, write: POLLOUT, both: POLLIN | POLLOUT, none: 0 } as const;

/**
 * poll(2): those of `requests` that are ready, after at most `timeoutMs` (-1: for ever). Blocks the
 * calling thread, so anything but 0 is only for a process that has nothing else to do. A signal
 * ends the wait early with an empty result.
 */
export function poll(requests: readonly PollRequest[], timeoutMs: number): PollResult[] {
  // struct pollfd: int fd, short events, short revents.
  const fds = Buffer.alloc(8 * requests.length);
  requests.forEach(({ fd, events }, index) => {
    fds.writeInt32LE(fd, 8 * index);
    fds.writeInt16LE(wanted[events], 8 * index + 4);
  });
  try {
    if (check(pollCall(fds, requests.length, timeoutMs) as number, 'poll') === 0) return [];
  } catch (error) {
    if (hasErrno(error, 'EINTR')) return [];
    throw error;
  }
  return requests.flatMap(({ fd }, index) => {
    const revents = fds.readInt16LE(8 * index + 6);
    if (revents === 0) return [];
    return [
      {
        fd,
        readable: (revents & POLLIN) !== 0,
        writable: (revents & POLLOUT) !== 0,
        hungUp: (revents & POLLHUP) !== 0,
        failed: (revents & (POLLERR | POLLNVAL)) !== 0,
      },
    ];
  });
}
