import { join } from 'node:path';

import { streamBytes } from '../stream.ts';

import type { Host } from '../host.ts';
import type { Peer } from '../peer.ts';

/** The floor of every program that runs on Node: one that does nothing. */
export function nodePeer(host: Host): Peer {
  return {
    name: 'node',
    about: 'node -e 0, the floor of a command line on Node; a websocket and nothing else',
    prepare: () => Promise.resolve(),
    close: () => Promise.resolve(),
    version: () => ({ argv: [process.execPath, '-e', '0'] }),
    stream: () => ({
      argv: [
        process.execPath,
        join(host.state, 'ws-pipe.mjs'),
        join(host.work, 'ws-pipe.socket'),
        String(streamBytes),
      ],
    }),
  };
}
