import type { LiveMachine } from '../live/machines.ts';
import { type EngineDeps, type InstanceRecord, type LastExit, unattended } from '../types.ts';
import { removeInstance } from './delete.ts';
import { endRun } from './end.ts';
import { getInstance } from './list.ts';
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
 * Records the end of a machine that stopped by itself and does what follows from it: starts it again
 * when it rebooted, deletes it when it is ephemeral. Call it under the machine's lock.
 */
export async function concludeRun(deps: EngineDeps, record: InstanceRecord): Promise<LastExit> {
  const exit = await endRun(deps, record, undefined, { returns: true });
  if (exit.kind === 'rebooted') {
    // Recorded as one that should run: it comes back with the others.
    if (deps.live.goingDown) return exit;
    event(deps, 'instance-restarted', record.name, exit);
    await startAgain(deps, record.name);
  } else {
    event(deps, 'instance-shutdown', record.name, exit);
    if (record.ephemeral && exit.kind !== 'unknown') await removeInstance(deps, record);
  }
  return exit;
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
