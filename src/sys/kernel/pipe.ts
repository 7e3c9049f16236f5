import { check, libc } from './libc.ts';

const pipe2 = libc.func('int pipe2(void *fds, int flags)');
const O_CLOEXEC = 0x80000;

/**
 * A pipe, both ends close-on-exec; the caller closes them. Node's own `stdio: 'pipe'` is a socket
 * pair, and a program cannot open a socket by its name /dev/stdout.
 */
export function openPipe(): { readonly readFd: number; readonly writeFd: number } {
  const fds = Buffer.alloc(8);
  check(pipe2(fds, O_CLOEXEC) as number, 'pipe2');
  return { readFd: fds.readInt32LE(0), writeFd: fds.readInt32LE(4) };
}
