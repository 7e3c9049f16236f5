import { check, libc } from './libc.ts';

/** Columns and rows of a terminal. */
export interface WindowSize {
  readonly width: number;
  readonly height: number;
}

const TIOCGPTPEER = 0x5441;
const TIOCSWINSZ = 0x5414;
const O_RDWR = 0x2;
const O_NOCTTY = 0x100;
const O_CLOEXEC = 0x80000;

// One C function under two prototypes: ioctl(2) takes an integer or a pointer, as the request says.
const ioctlInteger = libc.func('ioctl', 'int', ['int', 'unsigned long', 'intptr_t']);
const ioctlPointer = libc.func('ioctl', 'int', ['int', 'unsigned long', 'void *']);

/**
 * Opens the slave side of the pty whose master is `masterFd`, without a path and whatever devpts
 * instance it belongs to (man 2 TIOCGPTPEER). The caller closes it. Close-on-exec.
 */
export function openPtyPeer(masterFd: number): number {
  const flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  return check(ioctlInteger(masterFd, TIOCGPTPEER, flags) as number, 'ioctl TIOCGPTPEER');
}

/**
 * Sets the size; the foreground process group gets SIGWINCH when it changed. Either side will do.
 */
export function setWindowSize(fd: number, { width, height }: WindowSize): void {
  const winsize = Buffer.alloc(8);
  winsize.writeUInt16LE(clamp(height), 0);
  winsize.writeUInt16LE(clamp(width), 2);
  check(ioctlPointer(fd, TIOCSWINSZ, winsize) as number, 'ioctl TIOCSWINSZ');
}

/** `struct winsize` holds unsigned shorts. */
function clamp(value: number): number {
  return Math.max(0, Math.min(0xffff, Math.trunc(value)));
}
