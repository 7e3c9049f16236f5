import { closeSync, writeSync } from 'node:fs';

import { createMemfd } from '../sys/kernel/memfd.ts';
import { run } from '../sys/programs/run.ts';

/**
 * Has nft work off commands in the switch, all or none. Answers what it prints. They are in a file
 * of ours, for nftables 1.0.9 (Ubuntu 24.04) reads no standard input but a regular file, and Node's
 * is a socket.
 */
export async function runNft(netnsFile: string, commands: string): Promise<string> {
  const bytes = Buffer.from(commands);
  const fd = createMemfd('nft', bytes.length);
  try {
    writeSync(fd, bytes, 0, bytes.length, 0);
    const command = ['nft', '-f', '/proc/self/fd/3'];
    const { stdout } = await run('nsenter', [`--net=${netnsFile}`, '--', ...command], {
      what: 'set the rules of the network',
      fds: [fd],
      timeoutMs: 10_000,
    });
    return stdout;
  } finally {
    closeSync(fd);
  }
}
