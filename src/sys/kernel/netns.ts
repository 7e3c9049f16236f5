import { openKernelThread } from './thread.ts';

const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;

/** What socket(2) makes. Only the numbers that warren uses. */
export const sockets = {
  tcp4: { domain: 2, type: 1 },
  tcp6: { domain: 10, type: 1 },
  udp4: { domain: 2, type: 2 },
  udp6: { domain: 10, type: 2 },
  route: { domain: 16, type: 3 },
} as const;
export type SocketKind = keyof typeof sockets;

/**
 * A thread that visits network namespaces. setns(2) moves one thread, and the way back into the
 * host's network namespace is barred to us, who have no rights over its owner; so whoever goes must
 * not be a thread that has anything to do there. A socket stays in the namespace it was made in,
 * whichever thread uses it: making sockets (and namespaces) is all that the thread is for.
 */
export interface NetnsThread extends Disposable {
  /**
   * A socket in the network namespace behind `netnsFd`, non-blocking and close-on-exec. The caller
   * closes it, and keeps `netnsFd` open until it is there.
   */
  openSocket(netnsFd: number, kind: SocketKind): Promise<number>;
  /**
   * Makes a network namespace that forwards IPv4, owned by our user namespace, and keeps it by a
   * bind mount on `file`, which must exist. Only our mount namespace sees the mount; the namespace
   * ends when the mount is gone and no process, socket or descriptor is left in it.
   */
  createNetns(file: string): Promise<void>;
}

/**
 * Between visits it waits in an empty network namespace, so that it keeps none of a machine's
 * alive.
 */
const program = `
const socket = libc.func('int socket(int domain, int type, int protocol)');
const mount = libc.func('int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)');
const CLONE_NEWNET = 0x40000000;
const MS_BIND = 0x1000;
check('unshare', unshare(CLONE_NEWNET));
const homeFd = openSync('/proc/thread-self/ns/net', 'r');
function goHome() {
  check('setns', setns(homeFd, CLONE_NEWNET));
}
const work = {
  openSocket({ netnsFd, domain, type }) {
    check('setns', setns(netnsFd, CLONE_NEWNET));
    try {
      return check('socket', socket(domain, type, 0));
    } finally {
      goHome();
    }
  },
  createNetns({ file }) {
    check('unshare', unshare(CLONE_NEWNET));
    try {
      writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
      check('mount', mount('/proc/thread-self/ns/net', file, 'none', MS_BIND, null));
    } finally {
      goHome();
    }
  },
};
`;

/** Starts the thread with the first call. */
export function openNetnsThread(): NetnsThread {
  const thread = openKernelThread('network namespaces', program);
  return {
    openSocket: (netnsFd, kind) => {
      const { domain, type } = sockets[kind];
      return thread.call('openSocket', {
        netnsFd,
        domain,
        type: type | SOCK_NONBLOCK | SOCK_CLOEXEC,
      });
    },
    createNetns: async (file) => {
      await thread.call('createNetns', { file });
    },
    [Symbol.dispose]: () => {
      thread[Symbol.dispose]();
    },
  };
}
