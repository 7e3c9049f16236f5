import { constants } from 'node:os';
import koffi from 'koffi';

import { SysError } from '../sys-error.ts';

/** The C library that Node itself runs on. One handle for the process. */
export const libc = koffi.load('libc.so.6');

/**
 * Where two names share a number (EAGAIN and EWOULDBLOCK), the first counts, as in Node's own
 * errors.
 */
const errnoNames = new Map<number, string>(
  Object.entries(constants.errno)
    .map(([name, value]): [number, string] => [value, name])
    .reverse(),
);

/**
 * Turns a C return value into a result or a `SysError`: -1 means failure, and errno says which.
 * Must be given the value straight from the call, before any other call can change errno.
 */
export function check(result: number, syscall: string, path?: string): number {
  if (result !== -1) return result;
  throw new SysError(errnoName(koffi.errno()), syscall, path);
}

/** `ENOENT` for 2: for calls that return their error instead of setting errno. */
export function errnoName(errno: number): string {
  return errnoNames.get(errno) ?? `errno ${errno}`;
}
