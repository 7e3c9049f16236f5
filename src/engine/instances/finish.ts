import { parseBool } from '../../contract/config/values.ts';
import type { EngineDeps, InstanceRecord, LastExit } from '../types.ts';
import { consoleNames } from './adopt.ts';
import { expandInstance } from './list.ts';
import { planNics } from '../networks/nics.ts';
import { planProxies } from './proxies.ts';
import { rebootsOnly } from './reboots.ts';

/** Type of the warning about what a run lacks since the daemon's restart. It ends with the run. */
export const notTakenUp = 'Instance was not taken up completely';

/**
 * Takes away everything that a machine whose init has ended had while it ran, and records how it
 * ended. The row is written last: until then a new daemon does all of this again, and every step
 * may be repeated. `shouldRun` is what is noted for the next start of the host. Call it under the
 * machine's lock.
 */
export async function finishRun(
  deps: EngineDeps,
  record: InstanceRecord,
  exit: LastExit,
  shouldRun: boolean,
): Promise<void> {
  const { id, name } = record;
  const machine = deps.live.find(id);
  deps.live.release(id);
  deps.live.transfers.end(id);
  const expanded = expandInstance(deps, record);
  await inTurn(deps, name, [
    ...planProxies(name, expanded.devices).map(
      (proxy) =>
        ['close a published port', () => deps.networks.removeProxy(name, proxy.device)] as const,
    ),
    ['kill what is left of it', () => deps.runtime.killAll(name, record.run?.init)],
    ...planNics(name, expanded).map(
      (nic) =>
        [
          'take its interface off the bridge',
          () => deps.networks.detach(name, nic.device),
        ] as const,
    ),
    ['remove its runtime state', () => deps.runtime.delete(name)],
    ['unmount its root', () => deps.storage.unmountRoot(id)],
    ['let the keeper close its console', () => dropConsole(deps, id)],
  ]);
  deps.store.reclaim(() => {
    deps.store.instances.setExit(id, exit);
    deps.store.warnings.resolve(notTakenUp, `instance ${name}`);
    if (!shouldRun) deps.store.warnings.resolve(rebootsOnly, `instance ${name}`);
    deps.store.instances.mergeConfig(id, {
      'volatile.last_state.power': shouldRun ? 'RUNNING' : 'STOPPED',
      'volatile.frozen': undefined,
    });
  });
  machine?.recorded.resolve();
  const reason = exit.kind === 'crashed' ? exit.detail : exit.kind;
  deps.log.info({ instance: name, exit: reason }, 'instance stopped');
}

/** Has the keeper close a machine's console. Absent is fine. */
export async function dropConsole(deps: EngineDeps, id: number): Promise<void> {
  const names = consoleNames(id);
  await deps.keeper.drop(names.master);
  await deps.keeper.drop(names.keepalive);
}

/** Each step is tried whatever became of the others; what fails is logged and left to recovery. */
async function inTurn(
  deps: EngineDeps,
  instance: string,
  steps: readonly (readonly [what: string, step: () => Promise<void>])[],
): Promise<void> {
  for (const [what, step] of steps) {
    try {
      await step();
    } catch (error) {
      deps.log.warn({ err: error, instance, what }, `could not ${what}`);
    }
  }
}

/** Whether a person froze the machine, not the daemon for a copy of its files. */
export function isFrozenByUser(record: InstanceRecord): boolean {
  return parseBool(record.config['volatile.frozen'] ?? '') === true;
}
