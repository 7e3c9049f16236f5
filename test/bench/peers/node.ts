import type { Peer } from '../peer.ts';

/** The floor of every program that runs on Node: one that does nothing. */
export function nodePeer(): Peer {
  return {
    name: 'node',
    about: 'node -e 0, the floor of a command line on Node',
    prepare: () => Promise.resolve(),
    close: () => Promise.resolve(),
    version: () => ({ argv: [process.execPath, '-e', '0'] }),
  };
}
