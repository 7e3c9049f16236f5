import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { hasProgram } from '../host.ts';
import { streamBytes, streamWords } from '../stream.ts';

import type { Command, Host } from '../host.ts';
import type { Peer } from '../peer.ts';

/** The floor of every program that runs on Node: one that does nothing. */
export function nodePeer(host: Host): Peer {
  const directory = join(host.work, 'ws-pipe');
  const pipe = join(host.state, 'ws-pipe.mjs');
  const stock = !hasProgram(host, 'lxc')
    ? {}
    : {
        stream: (machine: string): Command => ({
          argv: [process.execPath, pipe, directory, `${streamBytes}`, ...streamWords(machine)],
          env: { LXD_CONF: join(host.work, 'lxc') },
        }),
      };
  return {
    name: 'node',
    about:
      'node -e 0, the floor of a command line on Node; a websocket and nothing else to the stock client',
    prepare: () => {
      mkdirSync(directory, { recursive: true });
      chownSync(directory, host.uid, host.gid);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
    version: () => ({ argv: [process.execPath, '-e', '0'] }),
    ...stock,
  };
}
