import { randomBytes } from 'node:crypto';
import { chmodSync, rmSync } from 'node:fs';

import { WarrenError } from '../contract/errors.ts';
import {
  acceptConnection,
  bindUnix,
  closeFd,
  listenOn,
  openUnixSocket,
  receiveWithFds,
} from '../sys/kernel/socket.ts';

/** A socket on which the OCI runtime delivers the master of a pty it made (`--console-socket`). */
export interface ConsoleSocket extends Disposable {
  readonly path: string;
  /** The master, which the caller owns; undefined while nothing has come. Never blocks. */
  take(): number | undefined;
  /** What becomes readable next: the listening socket, then the connection. */
  waitFd(): number;
}

/** Longest payload that comes along: the runtime sends the name of the pty. */
const maxNameBytes = 4096;

/** Listens in `directory`, a 0700 one. Disposing closes and removes the socket. */
export function listenForConsole(directory: string): ConsoleSocket {
  const path = `${directory}/${randomBytes(6).toString('hex')}`;
  const fd = openUnixSocket('stream');
  let connection: number | undefined;
  const dispose = (): void => {
    if (connection !== undefined) closeFd(connection);
    closeFd(fd);
    rmSync(path, { force: true });
  };
  try {
    bindUnix(fd, path);
    chmodSync(path, 0o600);
    listenOn(fd, 1);
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    path,
    waitFd: () => connection ?? fd,
    take: () => {
      connection ??= acceptConnection(fd);
      if (connection === undefined) return undefined;
      const message = receiveWithFds(connection, maxNameBytes, 1);
      if (message === undefined) return undefined;
      const [master] = message.fds;
      if (master === undefined) throw noConsole('closed the console socket without a descriptor');
      return master;
    },
    [Symbol.dispose]: dispose,
  };
}

/** The error for a runtime that delivered no pty; `outcome` is a clause with it as subject. */
export function noConsole(outcome: string): WarrenError {
  const what = 'open the console';
  return new WarrenError('program_failed', { what, program: 'OCI runtime', outcome, output: '' });
}
