import { chmodSync, rmSync } from 'node:fs';

import type { Readiness } from '../sys/kernel/readiness.ts';
import { bindUnix, closeFd, openUnixSocket, receive } from '../sys/kernel/socket.ts';

/** systemd's own messages stay far below; the rest of a longer one is of no interest. */
const maxMessageBytes = 4096;

/** Messages read in one go, so that a guest that floods its socket cannot hold the daemon up. */
const batch = 32;

/**
 * Listens where a machine's NOTIFY_SOCKET points (sd_notify(3)), in place of whatever an earlier
 * daemon left there, and calls back once for the first READY=1. Everything is read, always: the
 * queue holds ten, and a full one would block the machine's pid 1. What a guest says here is its
 * own claim and nothing else.
 */
export function listenNotify(path: string, readiness: Readiness, onReady: () => void): Disposable {
  rmSync(path, { force: true });
  const fd = openUnixSocket('dgram');
  let ready = false;
  const drain = (): void => {
    for (let count = 0; count < batch; count++) {
      const message = receive(fd, maxMessageBytes);
      if (message === undefined) return;
      if (!ready && saysReady(message.data)) {
        ready = true;
        onReady();
        if (closed) return;
      }
    }
  };
  let closed = false;
  let watch: Disposable | undefined;
  const dispose = (): void => {
    if (closed) return;
    closed = true;
    watch?.[Symbol.dispose]();
    closeFd(fd);
  };
  try {
    bindUnix(fd, path);
    chmodSync(path, 0o666);
    watch = readiness.watchReadable(fd, drain);
  } catch (error) {
    dispose();
    throw error;
  }
  return { [Symbol.dispose]: dispose };
}

/** One assignment per line. */
export function saysReady(message: Buffer): boolean {
  return message.toString('latin1').split('\n').includes('READY=1');
}
