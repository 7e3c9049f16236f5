import { setTimeout as sleep } from 'node:timers/promises';

import { readBool, readInteger } from '../../contract/config/read.ts';
import { processIdentity } from '../../sys/proc/identity.ts';
import { startInstance } from '../instances/start.ts';
import { expandInstance, listInstances } from '../instances/list.ts';
import { isRunning } from '../instances/state.ts';
import { stopAll } from '../instances/stop-all.ts';
import type { EngineDeps, InstanceRecord, WorkContext } from '../types.ts';

/**
 * Starts what should run after the host (or the keeper) restarted: `boot.autostart=true`, or unset
 * and running when the host went down; by priority, each followed by its delay. A failure is logged
 * and the next goes on. A daemon that was merely replaced starts nothing.
 */
export async function autostart(deps: EngineDeps, context: WorkContext): Promise<void> {
  const keeper = processIdentity(deps.keeper.keeperPid);
  const session = `${deps.bootId} ${keeper?.pid} ${keeper?.startTime}`;
  const lastSession = deps.store.facts.find('session') ?? '';
  if (session === lastSession) return;
  const hostRestarted = !lastSession.startsWith(deps.bootId);
  for (const { record, delayMs } of planAutostart(deps, hostRestarted)) {
    if (context.signal.aborted || deps.live.goingDown) return;
    try {
      await startInstance(deps, { name: record.name }, context);
    } catch (error) {
      deps.log.error({ err: error, instance: record.name }, 'an instance did not start by itself');
    }
    if (delayMs > 0)
      await sleep(delayMs, undefined, { signal: context.signal }).catch(() => undefined);
  }
  if (deps.live.goingDown) return;
  // Last: a daemon that dies in the middle goes on where it was.
  deps.store.transaction(() => {
    deps.store.facts.set('session', session);
  });
}

/**
 * Before the host goes down, or the user's manager that warren is a service of: stops every
 * machine, and has the next start of warren bring back those that ran, be it of the host as well or
 * not.
 */
export async function shutDownForHost(deps: EngineDeps, context: WorkContext): Promise<void> {
  await stopAll(deps, { comeBack: true }, context);
  deps.store.transaction(() => {
    deps.store.facts.set('session', '');
  });
}

/** What is to be started, in order. */
function planAutostart(
  deps: EngineDeps,
  hostRestarted: boolean,
): { readonly record: InstanceRecord; readonly delayMs: number }[] {
  return listInstances(deps)
    .filter((record) => record.phase === 'ready' && !isRunning(deps, record))
    .map((record) => ({ record, config: expandInstance(deps, record).config }))
    .filter(({ record, config }) => {
      const wanted = readBool(config, 'boot.autostart');
      const ran = record.config['volatile.last_state.power'] === 'RUNNING';
      return wanted ?? (hostRestarted && ran);
    })
    .sort((a, b) => priority(b.config) - priority(a.config))
    .map(({ record, config }) => ({
      record,
      delayMs: (readInteger(config, 'boot.autostart.delay') ?? 0) * 1000,
    }));
}

function priority(config: InstanceRecord['config']): number {
  return readInteger(config, 'boot.autostart.priority') ?? 0;
}
