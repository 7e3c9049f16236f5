import { libc } from './libc.ts';

const call = libc.func(
  'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
);

/**
 * man 2 prctl, about the calling process or thread: what it answers, -1 with errno for a failure.
 */
export function prctl(option: number, argument: number): number {
  return call(option, argument, 0, 0, 0) as number;
}
