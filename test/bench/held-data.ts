import { statfsSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';

import { monotonicUs } from './host.ts';
import { imageAlias } from './image.ts';

import type { Command } from './host.ts';
import type { Peer } from './peer.ts';
import type { Bench } from './rounds.ts';
import type { RowId } from './rows.ts';

/** Mebibytes that a machine has written itself. */
export const dataSizes = [10, 10_240] as const;
const rounds = 7;

/**
 * What snapshots, restores and copies of a stopped machine take in warren's daemon, by how much the
 * machine keeps: from before the request on the socket to the end of its operation, without a
 * command line.
 */
export async function measureHeldData(
  bench: Bench,
  { name, api }: Peer,
  warren: (...words: string[]) => Command,
): Promise<void> {
  if (api === undefined) return;
  const { host, samples, signal, say } = bench;
  const nameOf = (size: number): string => `held-${size}`;
  const write = (size: number): void => {
    const machine = nameOf(size);
    host.run(warren('start', machine));
    const words = ['dd', 'if=/dev/zero', 'of=/root/data', 'bs=1M', `count=${size}`, 'conv=fsync'];
    host.run(warren('exec', machine, '--', ...words));
    host.run(warren('stop', machine));
  };
  const { bavail, bsize } = statfsSync(host.work);
  const sizes = dataSizes.filter((size) => bavail * bsize > 3 * size * 2 ** 20);
  if (sizes.length < dataSizes.length)
    samples.note(`${name}: snapshots of much data not measured: too little space left`);
  for (const size of sizes) {
    say(`writing ${size.toLocaleString('en')} MiB`);
    host.run(warren('init', imageAlias, nameOf(size)));
    write(size);
  }
  const machines = '/1.0/instances';
  // Round 0 is not counted.
  for (let round = 0; round <= rounds; round++) {
    say(`snapshots by what a machine keeps: round ${round}`);
    for (const size of sizes) {
      const timed = async (id: RowId, ...request: [string, string, unknown]): Promise<void> => {
        await turn();
        signal.throwIfAborted();
        const startedUs = monotonicUs();
        await api.call(...request);
        if (round > 0) samples.add({ id, size }, name, round, (monotonicUs() - startedUs) / 1000);
      };
      const machine = nameOf(size);
      const path = `${machines}/${machine}`;
      const kept = `s${round}`;
      await timed('held-snapshot', 'POST', `${path}/snapshots`, { name: kept });
      // The last one discards as much again; removing that afterwards keeps the disk busy.
      if (round === rounds) write(size);
      await timed('held-restore', 'PUT', path, { restore: kept });
      const source = { type: 'copy', source: machine, instance_only: true };
      const copy = `${machine}-${round}`;
      await timed('held-copy', 'POST', machines, { name: copy, source });
      await api.call('DELETE', `${machines}/${copy}`);
    }
  }
  for (const size of sizes) host.run(warren('delete', '--force', nameOf(size)));
}
