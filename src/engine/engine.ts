import type { EngineDeps } from './types.ts';

import { LiveMachines } from './live/machines.ts';

/** Everything a worker needs but what the engine makes itself. */
export type EnginePorts = Omit<EngineDeps, 'live'>;

/**
 * Puts the engine together. The caller then runs `recover`, serves requests, and runs `autostart`;
 * at its end `closeEngine`.
 */
export function createEngine(ports: EnginePorts): EngineDeps {
  return { ...ports, live: new LiveMachines() };
}

/**
 * Lets go of every console, watcher and listener without touching a machine: they go on running and
 * the next daemon takes them up again.
 */
export function closeEngine(deps: EngineDeps): void {
  deps.live.close();
}
