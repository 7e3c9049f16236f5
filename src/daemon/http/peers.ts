import { peerCredentials } from '../../sys/kernel/socket.ts';
import { hasErrno } from '../../sys/sys-error.ts';

import type { Socket } from 'node:net';

/**
 * Whether the process at the other end of an accepted unix connection runs as `uid` (as our user
 * namespace sees it: the user is 0 in U0, everybody without an id in it is the overflow uid). The
 * socket's mode says the same, but a mode can be changed by accident.
 */
export function isPeerAllowed(socket: Socket, uid: number): boolean {
  const fd = descriptorOf(socket);
  if (fd === undefined) return false;
  try {
    return peerCredentials(fd).uid === uid;
  } catch (error) {
    // The client was gone before we looked.
    if (hasErrno(error, 'EBADF', 'ENOTCONN', 'EINVAL')) return false;
    throw error;
  }
}

/** Node has no public way to the descriptor of an accepted connection. */
function descriptorOf(socket: Socket): number | undefined {
  const handle = (socket as unknown as { readonly _handle?: { readonly fd?: number } | null })
    ._handle;
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}
