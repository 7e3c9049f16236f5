import type { ExitRecord } from '../../src/contract/keeper.ts';
import type { KeeperLink } from '../../src/engine/types.ts';

export interface FakeKeeper extends KeeperLink {
  /** A child of the keeper has ended: it says so, as the real one does. */
  announce(exit: Omit<ExitRecord, 'sequence' | 'at'>): void;
}

/** A keeper that holds no descriptors and has no journal. */
export function fakeKeeper(): FakeKeeper {
  const names = new Set<string>();
  const listeners = new Set<(exit: ExitRecord) => void>();
  let sequence = 0;
  return {
    announce: (exit) => {
      const record = { ...exit, sequence: ++sequence, at: new Date().toISOString() };
      for (const listener of listeners) listener(record);
    },
    keeperPid: 1,
    pendingExits: [],
    onExit: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => listeners.delete(listener) };
    },
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
