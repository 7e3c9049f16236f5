import type { KeeperLink } from '../../src/engine/types.ts';

/** A keeper that holds nothing and sees no exits. */
export function fakeKeeper(): KeeperLink {
  const names = new Set<string>();
  return {
    keeperPid: 1,
    pendingExits: [],
    onExit: () => ({ [Symbol.dispose]: () => undefined }),
    forgetExits: () => Promise.resolve(),
    store: (name) => {
      names.add(name);
      return Promise.resolve();
    },
    fetch: () => Promise.resolve(undefined),
    drop: (name) => {
      names.delete(name);
      return Promise.resolve();
    },
    names: () => [...names],
  };
}
