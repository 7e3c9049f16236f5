import { readInteger } from '../../contract/config/read.ts';
import { type EngineDeps, type InstanceRecord, type WorkContext } from '../types.ts';
import { removeInstance } from './delete.ts';
import { endRun } from './end.ts';
import { expandInstance, listInstances } from './list.ts';
import { stayStopped } from './reboots.ts';
import { isRunning } from './state.ts';
import { stopLocked } from './stop.ts';

export interface StopAllInput {
  /** They stop for the host's sake: each counts as one that ran, and comes back with the host. */
  readonly comeBack: boolean;
}

/**
 * Shuts every machine down: those with a higher `boot.stop.priority` first, each with
 * `boot.host_shutdown_timeout` until it is killed. Whatever is under way with a machine is waited
 * for, and from now on none is started. One that cannot be stopped keeps no other from it; the
 * first such error is thrown at the end, and machines may be started again.
 */
export async function stopAll(
  deps: EngineDeps,
  { comeBack }: StopAllInput,
  context: WorkContext,
): Promise<void> {
  deps.live.goingDown = true;
  const failures: unknown[] = [];
  for (const names of planStops(deps)) {
    const stops = names.map((name) => stopOne(deps, name, comeBack, context));
    for (const outcome of await Promise.allSettled(stops)) {
      if (outcome.status === 'rejected') failures.push(outcome.reason);
    }
  }
  if (failures.length === 0) return;
  deps.live.goingDown = false;
  throw failures[0];
}

/** Machines that run, or are about to; by priority, those that stop together in one list. */
function planStops(deps: EngineDeps): string[][] {
  const groups = new Map<number, string[]>();
  for (const record of listInstances(deps)) {
    if (record.run === undefined && deps.live.transition(record.id) === undefined) continue;
    const { config } = expandInstance(deps, record);
    const priority = readInteger(config, 'boot.stop.priority') ?? 0;
    groups.set(priority, [...(groups.get(priority) ?? []), record.name]);
  }
  return [...groups].sort(([a], [b]) => b - a).map(([, names]) => names);
}

async function stopOne(
  deps: EngineDeps,
  name: string,
  comesBack: boolean,
  context: WorkContext,
): Promise<void> {
  using _ = await deps.live.locks.wait(name);
  const record = deps.store.instances.find(name);
  if (record === undefined) return;
  if (record.run === undefined) {
    if (comesBack || !deps.live.returns.isPending(record.id)) return;
    stayStopped(deps, record);
    if (record.ephemeral) await removeInstance(deps, record);
    return;
  }
  const exit = isRunning(deps, record)
    ? await stopLocked(deps, record, { ...patience(deps, record), comesBack }, context)
    : await endRun(deps, record, undefined, { comesBack });
  deps.events.lifecycle({
    action: 'instance-stopped',
    subject: { kind: 'instance', name },
    context: { reason: exit.kind },
  });
  if (record.ephemeral) await removeInstance(deps, record);
}

function patience(
  deps: EngineDeps,
  record: InstanceRecord,
): { readonly force: false; readonly timeoutMs: undefined; readonly killAfterMs: number } {
  const { config } = expandInstance(deps, record);
  const seconds = readInteger(config, 'boot.host_shutdown_timeout') ?? 0;
  return { force: false, timeoutMs: undefined, killAfterMs: seconds * 1000 };
}
