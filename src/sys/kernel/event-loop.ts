import koffi from 'koffi';

import { SysError } from '../sys-error.ts';

// libuv's public API, which the node program exports for its addons.
const node = koffi.load(null);
const defaultLoop = node.func('void *uv_default_loop()');
const backendFd = node.func('int uv_backend_fd(void *loop)');

/**
 * The descriptor that becomes readable when Node's own event loop has something to do, such as a
 * signal that a handler waits for (uv_backend_fd). A process that blocks in poll(2) watches it too,
 * and lets the loop turn when it is readable. Only for the main thread. It stays Node's.
 */
export function eventLoopFd(): number {
  const fd = backendFd(defaultLoop()) as number;
  if (fd < 0) throw new SysError('EBADF', 'uv_backend_fd');
  return fd;
}
