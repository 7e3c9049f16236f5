import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';

import { networkFileSystem } from '../directories.ts';
import { fatal, ok, warning, type Check } from './check.ts';

const gib = 1024 ** 3;

/** Where machines will lie: not on the network, and with room for an image. */
export const checkStorage: Check = ({ paths }) => {
  let place: string = paths.dataDir;
  while (!existsSync(place) && place !== '/') place = dirname(place);
  const { type, bavail, bsize } = statfsSync(place);
  const network = networkFileSystem(type);
  if (network !== undefined) {
    return fatal(
      `${place} is on ${network}: its server does not know the ids of machines`,
      'export WARREN_DIR=/a/local/directory',
    );
  }
  const freeGib = (bavail * bsize) / gib;
  const summary = `${freeGib.toFixed(1)} GiB free for machines in ${paths.dataDir}`;
  return freeGib < 1 ? warning(`only ${summary}`) : ok(summary);
};
