import type { ProcessIdentity } from '../base/process-identity.ts';
import { judgeDiskUse, makeDiskUse } from './instances/disk-use.ts';
import { onMachineExit } from './instances/exit.ts';
import { ExitLedger } from './live/exits.ts';
import { DiskMeter } from './live/disk-meter.ts';
import { LiveMachines } from './live/machines.ts';
import type { EngineDeps } from './types.ts';

/** Everything a worker needs but what the engine makes itself. */
export type EnginePorts = Omit<EngineDeps, 'live'>;

/**
 * Puts the engine together. The caller then runs `recover`, serves requests, and runs `autostart`
 * and `measureSnapshots`; at its end `closeEngine`.
 */
export function createEngine(ports: EnginePorts): EngineDeps {
  const inits = (): ProcessIdentity[] =>
    ports.store.instances.list().flatMap(({ run }) => (run === undefined ? [] : [run.init]));
  const exits = new ExitLedger(ports.keeper, inits, (error) => {
    ports.log.warn({ err: error }, 'exits that are dealt with could not be forgotten');
  });
  const diskUse = makeDiskUse(ports.store, ports.storage);
  const disks = new DiskMeter(
    async (ids) => {
      const sizes = await diskUse.ofInstances(ids);
      judgeDiskUse(deps, sizes);
      return sizes;
    },
    () => performance.now(),
  );
  const deps: EngineDeps = { ...ports, live: new LiveMachines(exits, disks, diskUse) };
  deps.live.onEnded = (machine) => {
    onMachineExit(deps, machine);
  };
  return deps;
}

/**
 * Lets go of every console, watcher and listener without touching a machine: they go on running and
 * the next daemon takes them up again.
 */
export function closeEngine(deps: EngineDeps): void {
  deps.live.close();
}
