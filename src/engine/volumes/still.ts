import { Revert } from '../../base/revert.ts';
import { holdStill, type Still } from '../instances/still.ts';
import { isRunning } from '../instances/state.ts';
import type { EngineDeps, VolumeRecord } from '../types.ts';
import { runningHolders } from './hold.ts';
import { getVolume } from './list.ts';

/**
 * Runs `work` while nothing changes a volume: machines that hold it are frozen, others wait before
 * they are given it. `copied` lets them go on before `work` has ended. The locks of the machines
 * are taken first, as wherever both kinds are.
 */
export async function withStillVolume<T>(
  deps: EngineDeps,
  name: string,
  work: (volume: VolumeRecord, copied: () => Promise<void>) => Promise<T>,
): Promise<T> {
  for (;;) {
    const found = getVolume(deps, name);
    const { id } = found;
    const known = runningHolders(deps, found).map((holder) => holder.name);
    using _machines = await deps.live.locks.waitAll(known);
    using _volume = await deps.live.volumes.hold(String(id));
    const volume = getVolume(deps, name);
    const holders = runningHolders(deps, volume);
    // Renamed, or given to another machine while the locks were waited for.
    if (volume.id !== id || holders.some((holder) => !known.includes(holder.name))) continue;
    await using frozen = new Revert((what, error) => {
      deps.log.error({ err: error, volume: name, what }, 'a machine stands still');
    });
    const stills: Still[] = [];
    for (const holder of holders.filter((one) => isRunning(deps, one))) {
      const still = await holdStill(deps, holder);
      frozen.push(`let ${holder.name} go on`, async () => {
        await still.release();
      });
      stills.push(still);
    }
    return await work(volume, async () => {
      for (const still of stills) await still.release();
    });
  }
}
