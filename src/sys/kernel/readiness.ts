import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import { Worker } from 'node:worker_threads';

import { hasErrno } from '../sys-error.ts';
import { check, libc } from './libc.ts';

/**
 * Tells when descriptors become readable, without a blocking call on the main thread or on libuv's
 * pool: one epoll instance, and one thread that sits in epoll_wait(2). Everything in warren that
 * waits for a descriptor Node cannot poll (pidfd, pty, datagram socket, inotify) shares one of
 * these.
 */
export interface Readiness extends Disposable {
  /**
   * Calls back, on the main thread, each time `fd` is readable, hung up or in error. It is watched
   * again after the callback returned, so a callback that leaves data behind is called again. The
   * fd stays the caller's, who disposes the watch *before* closing it. An fd can be watched once
   * (`EEXIST`), and not when it is a regular file or directory (`EPERM`). A watch does not keep the
   * process alive.
   */
  watchReadable(fd: number, onReadable: () => void): Disposable;
}

const EPOLL_CLOEXEC = 0x80000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 0x1;
const EPOLLONESHOT = 0x4000_0000;
const EFD_CLOEXEC = 0x80000;

/** `struct epoll_event` is packed on x86_64 only, so that its 32-bit form has the same layout. */
const eventLayout =
  process.arch === 'x64' ? { size: 12, dataOffset: 4 } : { size: 16, dataOffset: 8 };

const epollCreate = libc.func('int epoll_create1(int flags)');
const epollCtl = libc.func('int epoll_ctl(int epfd, int op, int fd, void *event)');
const eventfd = libc.func('int eventfd(unsigned int value, int flags)');
const write = libc.func('intptr_t write(int fd, void *buffer, size_t count)');
const close = libc.func('int close(int fd)');

/** The token of the eventfd that tells the thread to end. Watches count from 1. */
const stopToken = 0;

/**
 * The thread's whole program, as text: so it needs no file of its own, which would have another
 * name in dist/ than under vitest. It reports the tokens of a batch and waits on; EPOLLONESHOT
 * keeps a reported descriptor quiet until the main thread re-arms it.
 */
const threadSource = `
const { parentPort, workerData } = require('node:worker_threads');
const koffi = require(workerData.koffi);
const wait = koffi.load('libc.so.6').func('int epoll_wait(int epfd, void *events, int max, int timeout)');
const { epollFd, size, dataOffset } = workerData;
const max = 64;
const events = Buffer.alloc(size * max);
for (;;) {
  const count = wait(epollFd, events, max, -1);
  if (count < 0 && koffi.errno() !== 4) throw new Error('epoll_wait: errno ' + koffi.errno());
  const tokens = [];
  for (let i = 0; i < count; i++) tokens.push(events.readUInt32LE(size * i + dataOffset));
  if (tokens.includes(${stopToken})) break;
  if (tokens.length > 0) parentPort.postMessage(tokens);
}
parentPort.close();
`;

interface Watch {
  readonly fd: number;
  readonly onReadable: () => void;
}

/** Opens one. The thread starts with the first watch. Disposing ends the thread and all watches. */
export function openReadiness(): Readiness {
  if (endianness() !== 'LE') throw new Error('epoll events are read as little-endian');
  const epollFd = check(epollCreate(EPOLL_CLOEXEC) as number, 'epoll_create1');
  const stopFd = check(eventfd(0, EFD_CLOEXEC) as number, 'eventfd');
  const watches = new Map<number, Watch>();
  let nextToken = stopToken + 1;
  let worker: Worker | undefined;
  let open = true;

  const control = (op: number, fd: number, token: number): void => {
    const event = Buffer.alloc(eventLayout.size);
    event.writeUInt32LE((EPOLLIN | EPOLLONESHOT) >>> 0, 0);
    event.writeUInt32LE(token, eventLayout.dataOffset);
    check(epollCtl(epollFd, op, fd, event) as number, 'epoll_ctl', `fd ${fd}`);
  };

  const dispatch = (tokens: readonly number[]): void => {
    for (const token of tokens) {
      // A disposed watch may still be in a batch that was on its way.
      const watch = watches.get(token);
      if (watch === undefined) continue;
      try {
        watch.onReadable();
      } finally {
        if (watches.has(token)) control(EPOLL_CTL_MOD, watch.fd, token);
      }
    }
  };

  /** Node joins its threads at exit, and one that sits in a system call would never come. */
  const wakeToStop = (): void => {
    const one = Buffer.alloc(8);
    one.writeBigUInt64LE(1n);
    write(stopFd, one, 8);
  };

  const ensureWorker = (): void => {
    if (worker !== undefined) return;
    const koffi = createRequire(import.meta.url).resolve('koffi');
    worker = new Worker(threadSource, {
      eval: true,
      // An inherited --require or --import would run in the thread too.
      execArgv: [],
      env: {},
      workerData: { koffi, epollFd, ...eventLayout },
    });
    worker.on('message', dispatch);
    worker.unref();
    process.once('exit', wakeToStop);
  };

  control(EPOLL_CTL_ADD, stopFd, stopToken);

  return {
    watchReadable(fd, onReadable) {
      if (!open) throw new Error('this Readiness is disposed');
      const token = nextToken++;
      control(EPOLL_CTL_ADD, fd, token);
      watches.set(token, { fd, onReadable });
      ensureWorker();
      return {
        [Symbol.dispose]: () => {
          if (!watches.delete(token) || !open) return;
          try {
            control(EPOLL_CTL_DEL, fd, token);
          } catch (error) {
            // Closed too early by its owner: the kernel has dropped it already.
            if (!hasErrno(error, 'EBADF', 'ENOENT')) throw error;
          }
        },
      };
    },
    [Symbol.dispose]() {
      if (!open) return;
      open = false;
      watches.clear();
      process.removeListener('exit', wakeToStop);
      const closeAll = (): void => {
        close(epollFd);
        close(stopFd);
      };
      if (worker === undefined) {
        closeAll();
        return;
      }
      // Not before the thread is out of epoll_wait: the number could be somebody else's by then.
      worker.once('exit', closeAll);
      wakeToStop();
    },
  };
}
