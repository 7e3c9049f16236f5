import { parseSchedule, scheduleMatches } from '../../base/schedule.ts';
import { readBool, readString } from '../../contract/config/read.ts';
import { isWarrenError } from '../../contract/errors.ts';
import { expandInstance, getInstance } from '../instances/list.ts';
import { isRunning } from '../instances/state.ts';
import type { EngineDeps, InstanceRecord, WorkContext } from '../types.ts';
import { snapshotLocked } from './create.ts';
import { deleteSnapshotLocked } from './delete.ts';

const failed = 'Scheduled snapshot failed';

/** Machines whose `snapshots.schedule` wants a snapshot in the minute that begins at `atMs`. */
export function planScheduled(deps: EngineDeps, atMs: number): InstanceRecord[] {
  return deps.store.instances.list().filter((record) => {
    if (record.phase !== 'ready') return false;
    const { config } = expandInstance(deps, record);
    const schedule = parseSchedule(readString(config, 'snapshots.schedule') ?? '');
    if (schedule === undefined || !scheduleMatches(schedule, new Date(atMs))) return false;
    return isRunning(deps, record) || readBool(config, 'snapshots.schedule.stopped') === true;
  });
}

/**
 * Takes the snapshots that are due in a minute, one machine after the other. One that cannot be
 * taken is a warning, which the next that can resolves.
 */
export async function takeScheduled(
  deps: EngineDeps,
  atMs: number,
  context: WorkContext,
): Promise<void> {
  for (const { name } of planScheduled(deps, atMs)) {
    if (context.signal.aborted) return;
    const input = { instance: name, name: undefined, expiresAtMs: undefined };
    await orWarn(deps, name, async () => {
      using _ = await deps.live.locks.serve(name, 'snapshot');
      return await snapshotLocked(deps, getInstance(deps, name), input, context);
    });
  }
}

/** What `@startup` asks for, under the lock of a machine that is about to start. */
export async function takeAtStartup(
  deps: EngineDeps,
  record: InstanceRecord,
  context: WorkContext,
): Promise<void> {
  const { config } = expandInstance(deps, record);
  const schedule = parseSchedule(readString(config, 'snapshots.schedule') ?? '');
  if (schedule?.atStartup !== true) return;
  const input = { instance: record.name, name: undefined, expiresAtMs: undefined };
  await orWarn(deps, record.name, () => snapshotLocked(deps, record, input, context));
}

/**
 * Deletes the snapshots whose time is over. Those of a machine that is busy wait for a later
 * minute.
 */
export async function deleteExpired(deps: EngineDeps, context: WorkContext): Promise<void> {
  const names = new Map(deps.store.instances.list().map(({ id, name }) => [id, name]));
  for (const { instanceId, name, expiresAtMs } of deps.store.snapshots.listAll()) {
    const instance = names.get(instanceId);
    if (expiresAtMs === undefined || expiresAtMs > deps.now() || instance === undefined) continue;
    if (context.signal.aborted) return;
    try {
      using _ = await deps.live.locks.serve(instance, 'delete a snapshot of');
      await deleteSnapshotLocked(deps, { instance, name });
      deps.log.info({ instance, snapshot: name }, 'an expired snapshot was deleted');
    } catch (error) {
      if (isWarrenError(error, 'busy') || isWarrenError(error, 'not_found')) continue;
      deps.log.warn(
        { err: error, instance, snapshot: name },
        'an expired snapshot was not deleted',
      );
    }
  }
}

async function orWarn(deps: EngineDeps, name: string, work: () => Promise<unknown>): Promise<void> {
  const entity = `instance ${name}`;
  try {
    await work();
    deps.store.warnings.resolve(failed, entity);
  } catch (error) {
    deps.log.error({ err: error, instance: name }, 'a scheduled snapshot failed');
    const message = error instanceof Error ? error.message : String(error);
    deps.store.warnings.raise({ type: failed, severity: 'moderate', entity, message }, deps.now());
  }
}
