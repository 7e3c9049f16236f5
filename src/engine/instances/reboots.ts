import type { EngineDeps, InstanceRecord } from '../types.ts';

/**
 * Type of the warning about a machine that reboots as soon as it is started. It ends when the
 * machine stays stopped.
 */
export const rebootsOnly = 'Instance reboots again and again';

/** It waits now until it is started again. */
export function warnOfReboots(deps: EngineDeps, { name }: InstanceRecord): void {
  const message = `${name} rebooted soon after each of its last starts: it is started again after a while, and \`warren stop ${name}\` ends that`;
  const warning = { type: rebootsOnly, severity: 'moderate', message } as const;
  deps.store.warnings.raise({ ...warning, entity: `instance ${name}` }, deps.now());
}

/** Of one that has rebooted and waits for its next start, which it does not get. */
export function stayStopped(deps: EngineDeps, { id, name }: InstanceRecord): void {
  deps.live.returns.forget(id);
  deps.store.reclaim(() => {
    deps.store.instances.mergeConfig(id, { 'volatile.last_state.power': 'STOPPED' });
    deps.store.warnings.resolve(rebootsOnly, `instance ${name}`);
  });
}
