import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';

import { SysError } from '../sys-error.ts';
import { errnoName } from './libc.ts';

/**
 * A thread for kernel calls that change the thread they are made on, such as setns(2). It starts
 * with the first call and keeps the process alive only while a call is under way.
 */
export interface KernelThread extends Disposable {
  /** Runs `work[name](input)` of the thread's program; a failed kernel call is a `SysError`. */
  call(name: string, input: object): Promise<number>;
}

/**
 * What every thread's program begins with. A program is text: so it needs no file of its own, which
 * would have another name in dist/ than under vitest. It defines `work`, a table of functions.
 */
const prologue = `
const { openSync, writeFileSync } = require('node:fs');
const { parentPort, workerData } = require('node:worker_threads');
const koffi = require(workerData.koffi);
const libc = koffi.load('libc.so.6');
const setns = libc.func('int setns(int fd, int nstype)');
const unshare = libc.func('int unshare(int flags)');
// For descriptors of kernel calls: Node warns of the end of one that it has not opened.
const close = libc.func('int close(int fd)');
function check(call, result) {
  if (Number(result) === -1) throw { call, errno: koffi.errno() };
  return Number(result);
}
`;

const epilogue = `
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

/** `name` is for the error of a thread that ended by itself. */
export function openKernelThread(name: string, program: string): KernelThread {
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
    const made = new Worker(prologue + program + epilogue, {
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
      failAll(new Error(`the thread that visits ${name} has ended`));
    });
    worker = made;
    return made;
  };

  return {
    call: (work, input) =>
      new Promise((resolve, reject) => {
        const id = nextId++;
        waiters.set(id, { resolve, reject });
        const thread = ensureWorker();
        thread.ref();
        thread.postMessage({ id, name: work, input });
      }),
    [Symbol.dispose]: () => {
      void worker?.terminate();
    },
  };
}
