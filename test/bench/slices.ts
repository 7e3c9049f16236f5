import { setImmediate as turn } from 'node:timers/promises';

import { diskUsage, lacksJournal } from './disk.ts';
import { imageAlias } from './image.ts';

import type { Command } from './host.ts';
import type { Image } from './image.ts';
import type { Peer } from './peer.ts';
import type { Bench } from './rounds.ts';
import type { RowId } from './rows.ts';

/** Ids of a slice and of its rounds: a default grant of 65,536 has room for all of them. */
const size = 15_000;
const rounds = 3;

/**
 * What it costs warren to give an image to ids of their own: the first machine of a slice, which
 * has the image's tree made for it, and the next one, beside one on the image as it was unpacked.
 * Round 0 is not counted: with it the image's data are laid apart, once for all slices.
 */
export async function measureSlices(
  { host, samples, signal, say }: Bench,
  { name, usedBytes, remove }: Peer,
  image: Image,
  warren: (...words: string[]) => Command,
): Promise<void> {
  if (usedBytes === undefined || remove === undefined) return;
  const imageBytes = diskUsage(image.rootfsDir);
  if (lacksJournal(image.rootfsDir)) {
    samples.note(
      'ids of their own: this ext4 has no journal, and so looks long for inodes after the removals of each round',
    );
  }
  for (let round = 0; round <= rounds; round++) {
    say(round === 0 ? 'warming up: ids of their own' : `ids of their own: round ${round}`);
    await turn();
    signal.throwIfAborted();
    const add = (id: RowId, value: number): void => {
      if (round > 0) samples.add({ id }, name, round, value);
    };
    const lifeOf = (id: RowId, config: readonly string[], launch?: RowId): number => {
      const options = config.flatMap((one) => ['-c', one]);
      const { ms } = host.run(warren('init', imageAlias, id, ...options));
      add(id, ms);
      const used = usedBytes();
      if (launch !== undefined) add(launch, ms + host.run(warren('start', id)).ms);
      host.run(remove(id));
      return used;
    };
    const own = [
      'security.idmap.isolated=true',
      `security.idmap.size=${size}`,
      `security.idmap.base=${1 + round * size}`,
    ];
    lifeOf('slice-shared', ['security.idmap.isolated=false'], 'slice-shared-launch');
    const before = usedBytes();
    const bytes = lifeOf('slice-first', own) - before;
    add('slice-disk', bytes);
    add('slice-share', (100 * bytes) / imageBytes);
    lifeOf('slice-next', own, 'slice-next-launch');
  }
}
