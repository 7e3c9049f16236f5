import { isFrozenByUser } from './finish.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';

const freezeTimeoutMs = 10_000;

/** A machine that is held still. Disposing lets it go on as well. */
export interface Still extends AsyncDisposable {
  /**
   * Lets it go on, unless its user froze it. Returns how long it stood, in milliseconds; undefined
   * when it stood anyway. A second call does nothing.
   */
  release(): Promise<number | undefined>;
}

/**
 * Freezes a running machine for as long as its files are copied. Call it under the machine's lock.
 * Throws `unsupported` where there is no cgroup to freeze: a copy of moving files is worth nothing.
 * Recovery thaws what a dead daemon left frozen.
 */
export async function holdStill(deps: EngineDeps, instance: InstanceRecord): Promise<Still> {
  // The row alone is no proof, and a guest that moves while cp reads leads it anywhere.
  let released = deps.live.find(instance.id)?.frozen ?? isFrozenByUser(instance);
  const startedMs = performance.now();
  const release = async (): Promise<number | undefined> => {
    if (released) return undefined;
    await deps.runtime.thaw(instance.name);
    released = true;
    return Math.round(performance.now() - startedMs);
  };
  try {
    await deps.runtime.freeze(instance.name, freezeTimeoutMs);
  } catch (error) {
    await release();
    throw error;
  }
  return {
    release,
    [Symbol.asyncDispose]: async () => {
      await release();
    },
  };
}
