import { closeSync, constants, openSync } from 'node:fs';

import koffi from 'koffi';

import { openPtyPeer } from '../../src/sys/kernel/tty.ts';

const TIOCSPTLCK = 0x40045431;
const ioctl = koffi.load('libc.so.6').func('ioctl', 'int', ['int', 'unsigned long', 'void *']);

/** A pty of the host's own devpts. The caller closes both ends. */
export function openPty(): { readonly masterFd: number; readonly slaveFd: number } {
  const masterFd = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  if (ioctl(masterFd, TIOCSPTLCK, Buffer.alloc(4)) !== 0) {
    closeSync(masterFd);
    throw new Error('cannot unlock a pty');
  }
  return { masterFd, slaveFd: openPtyPeer(masterFd) };
}
