import { setTimeout as sleep } from 'node:timers/promises';

import { CommandError, type Host } from './host.ts';

import type { Peer } from './peer.ts';

/** When init ran and when it was done, on the kernel's monotonic clock. */
export interface BootTimes {
  readonly initUs: number;
  readonly bootedUs: number;
}

/** A look costs as much as an exec does: not before a boot is likely over. */
const firstLookMs = 2000;
const nextLookMs = 500;
const timeoutMs = 60_000;
const ask =
  'systemctl is-system-running --wait >/dev/null; systemctl show --property UserspaceTimestampMonotonic,FinishTimestampMonotonic';

/**
 * Asks systemd inside for its own record of the boot: the same clock and the same two moments for
 * every peer, without polling while it boots.
 */
export async function bootTimes(host: Host, peer: Peer, machine: string): Promise<BootTimes> {
  const command = peer.exec?.(machine, ['sh', '-c', ask]);
  if (command === undefined) throw new Error(`${peer.name} has no exec`);
  await sleep(firstLookMs);
  for (let waitedMs = 0; ; waitedMs += nextLookMs) {
    try {
      const { stdout } = host.run(command);
      const read = (name: string): number =>
        Number(new RegExp(`^${name}=(\\d+)$`, 'm').exec(stdout)?.[1] ?? 0);
      const bootedUs = read('FinishTimestampMonotonic');
      if (bootedUs > 0) return { initUs: read('UserspaceTimestampMonotonic'), bootedUs };
    } catch (error) {
      if (!(error instanceof CommandError) || waitedMs > timeoutMs) throw error;
    }
    if (waitedMs > timeoutMs) throw new Error(`${peer.name}: ${machine} did not boot`);
    await sleep(nextLookMs);
  }
}
