/** How much goes through a stream that is timed. */
export const streamBytes = 512 * 1024 * 1024;

/** In the machine. */
export const streamFile = '/root/stream';

/** What a person types to count the bytes of that file outside of the machine. */
export function streamWords(machine: string): readonly [string, ...string[]] {
  return ['sh', '-c', `lxc exec "$0" -- cat ${streamFile} | wc -c`, machine];
}
