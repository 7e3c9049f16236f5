import type { LiveMachine } from '../live/machines.ts';
import { type EngineDeps, type InstanceRecord, type LastExit, unattended } from '../types.ts';
import { removeInstance } from './delete.ts';
import { endRun } from './end.ts';
import { getInstance } from './list.ts';
import { rebootsOnly, warnOfReboots } from './reboots.ts';
import { startLocked } from './start.ts';

/** Called the moment init has ended. Whoever holds the machine's lock may deal with it first. */
export function onMachineExit(deps: EngineDeps, machine: LiveMachine): void {
  dealWithExit(deps, machine.name, machine.init).catch((error: unknown) => {
    deps.log.error(
      { err: error, instance: machine.name },
      'the end of an instance was not dealt with',
    );
  });
}

async function dealWithExit(
  deps: EngineDeps,
  name: string,
  init: LiveMachine['init'],
): Promise<void> {
  using _ = await deps.live.locks.wait(name);
  const record = deps.store.instances.find(name);
  // A stop that was under way has done everything.
  if (record?.run?.init.pid !== init.pid || record.run.init.startTime !== init.startTime) return;
  await concludeRun(deps, record);
}

/**
 * Records the end of a machine that stopped by itself and does what follows from it: starts it
 * again when it rebooted, after a while if that is all it does, and deletes it when it is
 * ephemeral. Call it under the machine's lock.
 */
export async function concludeRun(deps: EngineDeps, record: InstanceRecord): Promise<LastExit> {
  const exit = await endRun(deps, record, undefined, { returns: true });
  if (exit.kind === 'rebooted') {
    // Recorded as one that should run: it comes back with the others.
    if (deps.live.goingDown) return exit;
    const startedAtMs = record.run?.startedAtMs ?? 0;
    const delayMs = deps.live.returns.delayMs(record.id, deps.now() - startedAtMs);
    if (delayMs > 0) {
      startLater(deps, record, delayMs);
      return exit;
    }
    deps.store.warnings.resolve(rebootsOnly, `instance ${record.name}`);
    event(deps, 'instance-restarted', record.name, exit);
    await startAgain(deps, record.name);
  } else {
    event(deps, 'instance-shutdown', record.name, exit);
    if (record.ephemeral && exit.kind !== 'unknown') await removeInstance(deps, record);
  }
  return exit;
}

function startLater(deps: EngineDeps, record: InstanceRecord, delayMs: number): void {
  const { id, name } = record;
  const seconds = delayMs / 1000;
  deps.log.info({ instance: name, seconds }, 'an instance that only reboots has to wait');
  warnOfReboots(deps, record);
  deps.live.returns.later(id, delayMs, () => {
    comeBack(deps, id).catch((error: unknown) => {
      deps.log.error({ err: error, instance: name }, 'an instance that rebooted was forgotten');
    });
  });
}

/** Unless somebody was faster, or has stopped or deleted it meanwhile. */
async function comeBack(deps: EngineDeps, id: number): Promise<void> {
  for (;;) {
    const name = deps.store.instances.findById(id)?.name;
    if (name === undefined) return;
    using _ = await deps.live.locks.wait(name);
    const record = deps.store.instances.findById(id);
    // Renamed meanwhile, or gone.
    if (record?.name !== name) continue;
    const shouldRun = record.config['volatile.last_state.power'] === 'RUNNING';
    if (record.run !== undefined || !shouldRun || deps.live.goingDown) return;
    event(deps, 'instance-restarted', name, { kind: 'rebooted' });
    await startAgain(deps, name);
    return;
  }
}

/** Starts a machine that rebooted. One that cannot be started stays stopped, with a warning. */
export async function startAgain(deps: EngineDeps, name: string): Promise<void> {
  try {
    await startLocked(deps, name, unattended);
  } catch (error) {
    deps.log.error({ err: error, instance: name }, 'an instance that rebooted did not start again');
    const { id } = getInstance(deps, name);
    deps.store.transaction(() => {
      deps.store.instances.mergeConfig(id, { 'volatile.last_state.power': 'STOPPED' });
    });
    deps.store.warnings.raise(
      {
        type: 'Instance did not come back from a reboot',
        severity: 'high',
        entity: `instance ${name}`,
        message: error instanceof Error ? error.message : String(error),
      },
      deps.now(),
    );
  }
}

function event(deps: EngineDeps, action: string, name: string, exit: LastExit): void {
  deps.events.lifecycle({
    action,
    subject: { kind: 'instance', name },
    context: { reason: exit.kind },
  });
}
