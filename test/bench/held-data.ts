import { statfsSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';

import { monotonicUs } from './host.ts';
import { imageAlias } from './image.ts';

import type { Api } from './api.ts';
import type { Command } from './host.ts';
import type { Peer } from './peer.ts';
import type { Bench } from './rounds.ts';
import type { RowId } from './rows.ts';

/** Mebibytes that a machine has written itself. */
export const dataSizes = [10, 10_240] as const;
const rounds = 7;

/**
 * What snapshots, restores and copies of a stopped machine take in warren's daemon, by how much the machine
 * keeps: from before the request on the socket to the end of its operation, without a command line.
 */
export async function measureHeldData(
  bench: Bench,
  { name, api }: Peer,
  warren: (...words: string[]) => Command,
): Promise<void> {
  if (api === undefined) return;
  const { host, samples, signal, say } = bench;
  for (const size of dataSizes) {
    const { bavail, bsize } = statfsSync(host.work);
    if (bavail * bsize < 3 * size * 2 ** 20) {
      samples.note(`${name}: snapshots of ${size} MiB not measured: too little space left`);
      continue;
    }
    say(`snapshots of ${size.toLocaleString('en')} MiB`);
    const machine = `held-${size}`;
    host.run(warren('init', imageAlias, machine));
    const write = (): void => {
      host.run(warren('start', machine));
      const words = ['dd', 'if=/dev/zero', 'of=/root/data', 'bs=1M', `count=${size}`, 'conv=fsync'];
      host.run(warren('exec', machine, '--', ...words));
      host.run(warren('stop', machine));
    };
    write();
    const timed = async (id: RowId, round: number, work: () => Promise<void>): Promise<void> => {
      await turn();
      signal.throwIfAborted();
      const startedUs = monotonicUs();
      await work();
      // The first of each kind is not counted.
      if (round > 0) samples.add({ id, size }, name, round, (monotonicUs() - startedUs) / 1000);
    };
    const machines = '/1.0/instances';
    const path = `${machines}/${machine}`;
    for (let round = 0; round <= rounds; round++) {
      const kept = `s${round}`;
      await timed('held-snapshot', round, () =>
        done(api, 'POST', `${path}/snapshots`, { name: kept }),
      );
      // The last one discards as much again; removing that afterwards keeps the disk busy.
      if (round === rounds) write();
      await timed('held-restore', round, () => done(api, 'PUT', path, { restore: kept }));
      const source = { type: 'copy', source: machine, instance_only: true };
      const copy = `${machine}-${round}`;
      await timed('held-copy', round, () => done(api, 'POST', machines, { name: copy, source }));
      await api.call('DELETE', `${machines}/${copy}`);
    }
    host.run(warren('delete', '--force', machine));
  }
}

async function done(api: Api, method: string, path: string, body: unknown): Promise<void> {
  await api.call(method, path, body);
}
