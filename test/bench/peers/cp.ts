import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { inIds } from '../image.ts';

import type { Command, Host } from '../host.ts';
import type { Image } from '../image.ts';
import type { Peer } from '../peer.ts';

/**
 * What a snapshot is without any manager: a copy of the whole root file system, shared where it can
 * be.
 */
export function cpPeer(host: Host, image: Image): Peer {
  const directory = join(host.work, 'cp');
  const copyTo = (name: string): Command =>
    inIds('cp', '-a', '--reflink=auto', image.rootfsDir, join(directory, name));
  return {
    name: 'cp',
    about: 'cp -a --reflink=auto of the unpacked image, as root of its ids',
    prepare: () => {
      mkdirSync(directory);
      chownSync(directory, host.uid, host.gid);
      return Promise.resolve();
    },
    // run.sh removes the directory.
    close: () => Promise.resolve(),
    snapshot: copyTo,
    copy: (_machine, copy) => copyTo(copy),
    remove: (machine) => inIds('rm', '-rf', join(directory, machine)),
  };
}
