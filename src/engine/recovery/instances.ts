import { removeInstance } from '../instances/delete.ts';
import { concludeRun, startAgain } from '../instances/exit.ts';
import { finishRestore } from '../instances/restoring.ts';
import { isRunning } from '../instances/state.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';

/** What a death left half done with each machine that does not run. */
export async function recoverInstances(deps: EngineDeps): Promise<void> {
  for (const record of deps.store.instances.list()) {
    if (isRunning(deps, record)) continue;
    try {
      await recoverOne(deps, record);
    } catch (error) {
      deps.log.error({ err: error, instance: record.name }, 'an instance was not recovered');
    }
  }
}

async function recoverOne(deps: EngineDeps, record: InstanceRecord): Promise<void> {
  using _ = await deps.live.locks.wait(record.name);
  // Crash point: create, before its last transaction. Nobody was told of the machine.
  // Crash point: delete, after it was begun. The user wanted it gone.
  if (record.phase !== 'ready') {
    await removeInstance(deps, record);
    deps.log.info(
      { instance: record.name, phase: record.phase },
      'an unfinished instance was removed',
    );
    return;
  }
  // Crash point: restore, between the chain and the empty directory on it.
  if (record.run === undefined) await finishRestore(deps, record);
  // Its init ended while no daemon looked: halted, rebooted (and then it starts again), crashed, or
  // gone with the host or unseen.
  if (record.run !== undefined) await concludeRun(deps, record);
  else await followEnd(deps, record);
}

/** Crash point: the end of a machine was recorded, and what follows from it was not done yet. */
async function followEnd(deps: EngineDeps, record: InstanceRecord): Promise<void> {
  const kind = record.lastExit?.kind;
  if (kind === 'rebooted' && record.config['volatile.last_state.power'] === 'RUNNING') {
    await startAgain(deps, record.name);
  } else if (record.ephemeral && (kind === 'halted' || kind === 'crashed')) {
    await removeInstance(deps, record);
  }
}
