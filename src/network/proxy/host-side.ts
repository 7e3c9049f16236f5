import { chmodSync, closeSync, constants, fstatSync, lstatSync, openSync, rmSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { once } from 'node:events';

import { WarrenError } from '../../contract/errors.ts';
import { O_PATH } from '../../sys/kernel/fs.ts';
import { hasErrno } from '../../sys/sys-error.ts';

import type { Side } from './side.ts';

/** Sockets of the daemon itself, which is in the host's network namespace. */
export const hostSide: Side = {
  async listen(server, at, mode) {
    if (at.kind === 'tcp') {
      await listening(server, `${at.host}:${at.port}`, () => server.listen(at.port, at.host));
      return;
    }
    await removeStaleSocket(at.path);
    await listening(server, at.path, () => server.listen(at.path));
    setMode(at.path, mode);
  },
  connect(to) {
    return Promise.resolve(
      to.kind === 'tcp'
        ? connect({ host: to.host, port: to.port, allowHalfOpen: true })
        : connect({ path: to.path, allowHalfOpen: true }),
    );
  },
  async bindDatagram(socket, at) {
    try {
      socket.bind(at.port, at.host);
      await once(socket, 'listening');
    } catch (error) {
      throw listenError(error, `${at.host}:${at.port}`);
    }
  },
  async openDatagram(socket, to) {
    socket.connect(to.port, to.host);
    await once(socket, 'connect');
    return (data) => {
      socket.send(data);
    };
  },
};

/** Starts to listen and waits until it does. */
export async function listening(server: Server, where: string, start: () => void): Promise<void> {
  try {
    start();
    await once(server, 'listening');
  } catch (error) {
    throw listenError(error, where);
  }
}

/** A user's mistake as the sentence it deserves. */
export function listenError(error: unknown, where: string): unknown {
  if (hasErrno(error, 'EADDRINUSE')) {
    return new WarrenError('host_lacks', {
      what: `listen at ${where}`,
      found: 'another program or machine listens there',
      wanted: 'an address that is free',
      hint: 'ss --listening --processes',
    });
  }
  if (hasErrno(error, 'EACCES', 'EPERM')) {
    return new WarrenError('host_lacks', {
      what: `listen at ${where}`,
      found: 'the kernel refuses it to an ordinary user',
      wanted: 'a port that you may use',
      hint: 'sudo sysctl net.ipv4.ip_unprivileged_port_start=80',
    });
  }
  if (hasErrno(error, 'EADDRNOTAVAIL', 'ENOENT', 'ENOTDIR', 'EINVAL')) {
    const problem = 'there is no such address or directory';
    return new WarrenError('invalid', {
      what: `listen at ${where}`,
      issues: [{ path: '', problem }],
    });
  }
  return error;
}

/** Of the socket that is there now, and of nothing that somebody else put in its place. */
function setMode(path: string, mode: number): void {
  const fd = openSync(path, O_PATH | constants.O_NOFOLLOW);
  try {
    if (fstatSync(fd).isSocket()) chmodSync(`/proc/self/fd/${fd}`, mode);
  } finally {
    closeSync(fd);
  }
}

/** A socket file whose listener has died is in the way of the next one. */
async function removeStaleSocket(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const probe = connect(path);
  try {
    await once(probe, 'connect');
  } catch (error) {
    if (!hasErrno(error, 'ECONNREFUSED')) return;
    rmSync(path, { force: true });
  } finally {
    probe.destroy();
  }
}
