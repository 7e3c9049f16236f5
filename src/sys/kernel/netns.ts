import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

import { SysError } from '../sys-error.ts';
import { errnoName } from './libc.ts';

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
 * The thread's whole program, as text: so it needs no file of its own, which would have another
 * name in dist/ than under vitest. Between visits it waits in an empty network namespace, so that
 * it keeps none of a machine's alive.
 */
const threadSource = `
const { openSync, writeFileSync } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
const koffi = require(workerData.koffi);
const libc = koffi.load('libc.so.6');
const setns = libc.func('int setns(int fd, int nstype)');
const unshare = libc.func('int unshare(int flags)');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const mount = libc.func('int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)');
const CLONE_NEWNET = 0x40000000;
const MS_BIND = 0x1000;
function check(call, result) {
  if (result === -1) throw { call, errno: koffi.errno() };
  return result;
}
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
parentPort.on('message', ({ id, name, input }) => {
  try {
    parentPort.postMessage({ id, result: work[name](input) });
  } catch (error) {
    const { call = String(error), errno = 0 } = error;
    parentPort.postMessage({ id, call, errno });
  }
});
`;

type Reply =
  | { readonly id: number; readonly result?: number }
  | { readonly id: number; readonly call: string; readonly errno: number };

interface Waiter {
  readonly resolve: (result: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Starts the thread with the first call. It keeps the process alive only while a call is under way. */
export function openNetnsThread(): NetnsThread {
  const waiters = new Map<number, Waiter>();
  let worker: Worker | undefined;
  let nextId = 1;

  const failAll = (error: unknown): void => {
    worker = undefined;
    for (const { reject } of waiters.values()) reject(error);
    waiters.clear();
  };

  const ensureWorker = (): Worker => {
    if (worker !== undefined) return worker;
    const koffi = createRequire(import.meta.url).resolve('koffi');
    // An inherited --require or --import would run in the thread too.
    const made = new Worker(threadSource, {
      eval: true,
      execArgv: [],
      env: {},
      workerData: { koffi },
    });
    made.on('message', (reply: Reply) => {
      const waiter = waiters.get(reply.id);
      waiters.delete(reply.id);
      if (waiters.size === 0) made.unref();
      if ('call' in reply) waiter?.reject(new SysError(errnoName(reply.errno), reply.call));
      else waiter?.resolve(reply.result ?? 0);
    });
    made.on('error', failAll);
    made.on('exit', () => {
      failAll(new Error('the thread that visits network namespaces has ended'));
    });
    worker = made;
    return made;
  };

  const call = (name: string, input: object): Promise<number> =>
    new Promise((resolve, reject) => {
      const id = nextId++;
      waiters.set(id, { resolve, reject });
      const thread = ensureWorker();
      thread.ref();
      thread.postMessage({ id, name, input });
    });

  return {
    openSocket: (netnsFd, kind) => {
      const { domain, type } = sockets[kind];
      return call('openSocket', { netnsFd, domain, type: type | SOCK_NONBLOCK | SOCK_CLOEXEC });
    },
    createNetns: async (file) => {
      await call('createNetns', { file });
    },
    [Symbol.dispose]: () => {
      void worker?.terminate();
    },
  };
}
