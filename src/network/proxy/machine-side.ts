import type { Socket as DatagramSocket } from 'node:dgram';
import { chmodSync, chownSync, closeSync, constants, fstatSync, readFileSync } from 'node:fs';
import { connect, isIPv6, Socket } from 'node:net';
import { basename, dirname } from 'node:path';

import { formatIpv4 } from '../../base/addresses.ts';
import { WarrenError } from '../../contract/errors.ts';
import {
  O_PATH,
  openat2,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
  unlinkAt,
} from '../../sys/kernel/fs.ts';
import { allowAddressReuse, bindInet } from '../../sys/kernel/inet.ts';
import { openRouteSocket } from '../../sys/kernel/netlink.ts';
import type { NetnsThread } from '../../sys/kernel/netns.ts';
import { hasEnded, openProcEntry, pidfdOpen } from '../../sys/kernel/process.ts';
import {
  bindUnix,
  closeFd,
  connectUnix,
  listenOn,
  openUnixSocket,
} from '../../sys/kernel/socket.ts';
import { parseIdMap } from '../../sys/proc/idmap.ts';
import { hasErrno } from '../../sys/sys-error.ts';

import { mostOfMachine } from '../interfaces.ts';
import { listAddresses, parseAddresses } from '../rtnetlink.ts';
import { listenError, listening } from './host-side.ts';
import type { OpenMachineFiles, Side } from './side.ts';

const backlog = 128;
const RT_SCOPE_GLOBAL = 0;

/**
 * One name of a directory that the machine may change at any moment: no link, and nothing that it
 * mounts there.
 */
const ownEntry = {
  flags: O_PATH | constants.O_NOFOLLOW,
  resolve: RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
};

/**
 * Sockets in a machine: made in its network namespace, and for unix sockets at a path that is
 * resolved below its root, whatever links the machine lays. Nothing here pins the machine's
 * namespaces between calls but the sockets themselves. Disposing forgets the machine.
 */
export function openMachineSide(
  initPid: number,
  { thread, openFiles }: { readonly thread: NetnsThread; readonly openFiles: OpenMachineFiles },
): Side & Disposable {
  const pidfd = pidfdOpen(initPid);

  const hasStopped = (): WarrenError => {
    const details = { name: 'the machine', action: 'connect to' };
    return new WarrenError('wrong_state', { ...details, state: 'stopped', wanted: 'running' });
  };

  /** Of init itself, for it still runs after the open. */
  const openNetns = (): number => {
    try {
      return openProcEntry(initPid, pidfd, 'ns/net', constants.O_RDONLY);
    } catch (error) {
      throw hasErrno(error, 'ESRCH') ? hasStopped() : error;
    }
  };

  const withNetns = async <T>(use: (netnsFd: number) => Promise<T>): Promise<T> => {
    const netnsFd = openNetns();
    try {
      return await use(netnsFd);
    } finally {
      closeSync(netnsFd);
    }
  };

  /** A socket that is bound, and listens when it can. */
  const bound = async (kind: 'tcp' | 'udp', host: string, port: number): Promise<number> => {
    const fd = await withNetns((netnsFd) => thread.openSocket(netnsFd, socketKind(kind, host)));
    try {
      if (kind === 'tcp') allowAddressReuse(fd);
      bindInet(fd, host, port);
      if (kind === 'tcp') listenOn(fd, backlog);
      return fd;
    } catch (error) {
      closeFd(fd);
      throw listenError(error, `${host}:${port} in the machine`);
    }
  };

  /**
   * A socket to connect with. A service that trusts 127.0.0.1 must not take a visitor from the host
   * for a local one (CVE-2021-20199), so connections to the machine's loopback come from its own
   * address on the network, when it has one.
   */
  const unbound = (kind: 'tcp' | 'udp', host: string): Promise<number> =>
    withNetns(async (netnsFd) => {
      const source = host.startsWith('127.') ? await firstAddress(netnsFd, thread) : undefined;
      const fd = await thread.openSocket(netnsFd, socketKind(kind, host));
      try {
        if (source !== undefined) bindInet(fd, source, 0);
        return fd;
      } catch (error) {
        closeFd(fd);
        throw error;
      }
    });

  const withFile = <T>(path: string, flags: number, use: (fd: number) => T): T => {
    using files = openFiles(initPid);
    // What was opened is init's own, for its number cannot have been another's yet.
    if (hasEnded(pidfd)) throw hasStopped();
    using file = files.open(Buffer.from(path), flags);
    return use(file.fd);
  };

  return {
    async listen(server, at, mode) {
      if (at.kind === 'tcp') {
        const where = `${at.host}:${at.port} in the machine`;
        const fd = await bound('tcp', at.host, at.port);
        await listening(server, where, () => server.listen({ fd }));
        return;
      }
      const fd = withFile(dirname(at.path), constants.O_DIRECTORY, (directoryFd) =>
        listenUnix(directoryFd, basename(at.path), { mode, owner: rootOf(initPid) }),
      );
      await listening(server, `${at.path} in the machine`, () => server.listen({ fd }));
    },

    async connect(to) {
      if (to.kind === 'tcp') {
        const fd = await unbound('tcp', to.host);
        // Unconnected, so it must not be read from yet.
        const socket = new Socket({ fd, allowHalfOpen: true, manualStart: true } as object);
        socket.connect({ host: to.host, port: to.port });
        return socket;
      }
      // The descriptor names the inode; the socket is looked up at once and not by the path again.
      return withFile(to.path, 0, (fd) => {
        if (!fstatSync(fd).isSocket()) {
          throw new WarrenError('hostile', {
            what: `connect to ${to.path} in the machine`,
            found: 'it is not a socket',
          });
        }
        return connect({ path: `/proc/self/fd/${fd}`, allowHalfOpen: true });
      });
    },

    async bindDatagram(socket, at) {
      adopt(socket, await bound('udp', at.host, at.port));
    },

    async openDatagram(socket, to) {
      adopt(socket, await unbound('udp', to.host));
      // Not connected: a service on 0.0.0.0 answers from the address that it was called from, and
      // not from the loopback address it was called at.
      return (data) => {
        socket.send(data, to.port, to.host);
      };
    },

    [Symbol.dispose]: () => {
      closeSync(pidfd);
    },
  };
}

/**
 * Makes `socket` of the descriptor, at once; it is closed when `socket` has been closed meanwhile.
 */
function adopt(socket: DatagramSocket, fd: number): void {
  try {
    socket.bind({ fd });
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

function socketKind(kind: 'tcp' | 'udp', host: string): 'tcp4' | 'tcp6' | 'udp4' | 'udp6' {
  return isIPv6(host) ? `${kind}6` : `${kind}4`;
}

/** The first IPv4 address in a network namespace that is not its loopback's. */
async function firstAddress(netnsFd: number, thread: NetnsThread): Promise<string | undefined> {
  using route = openRouteSocket(await thread.openSocket(netnsFd, 'route'));
  const replies = route.request('list addresses', listAddresses(), mostOfMachine.addresses);
  const address = parseAddresses(replies).find(
    ({ family, scope, bytes }) =>
      family === 'inet' && scope === RT_SCOPE_GLOBAL && bytes[0] !== 127,
  );
  return address === undefined ? undefined : formatIpv4(address.bytes.readUInt32BE(0));
}

function listenUnix(
  directoryFd: number,
  name: string,
  { mode, owner }: { mode: number; owner: { uid: number; gid: number } },
): number {
  const path = `/proc/self/fd/${directoryFd}/${name}`;
  const fd = openUnixSocket('stream');
  try {
    removeStale(directoryFd, name);
    try {
      bindUnix(fd, path);
    } catch (error) {
      throw listenError(error, `${name} in the machine`);
    }
    listenOn(fd, backlog);
    // By the inode that is there now, and only if it is a socket: the machine may have changed the
    // directory meanwhile, and must not choose what gets its owner changed.
    const inode = openat2(directoryFd, name, ownEntry);
    try {
      if (fstatSync(inode).isSocket()) {
        chmodSync(`/proc/self/fd/${inode}`, mode);
        chownSync(`/proc/self/fd/${inode}`, owner.uid, owner.gid);
      }
    } finally {
      closeSync(inode);
    }
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

/** Removes a socket whose listener has died; anything else stays and makes bind fail. */
function removeStale(directoryFd: number, name: string): void {
  let inode: number;
  try {
    inode = openat2(directoryFd, name, ownEntry);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return;
    throw error;
  }
  const probe = openUnixSocket('stream');
  try {
    if (!fstatSync(inode).isSocket()) return;
    connectUnix(probe, `/proc/self/fd/${inode}`);
  } catch (error) {
    if (hasErrno(error, 'ECONNREFUSED')) unlinkAt(directoryFd, name, 0);
  } finally {
    closeFd(probe);
    closeSync(inode);
  }
}

/** The machine's root as an id of ours. */
function rootOf(initPid: number): { uid: number; gid: number } {
  const outside = (map: string): number =>
    parseIdMap(readFileSync(`/proc/${initPid}/${map}`, 'utf8')).find(({ inside }) => inside === 0)
      ?.outside ?? 0;
  return { uid: outside('uid_map'), gid: outside('gid_map') };
}
