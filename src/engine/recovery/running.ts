import { findFailedUnits, adopt, consoleNames, followBoot } from '../instances/adopt.ts';
import { isFrozenByUser } from '../instances/finish.ts';
import { expandInstance } from '../instances/list.ts';
import { findInit } from '../instances/plan.ts';
import { planProxies } from '../instances/proxies.ts';
import { isRunning } from '../instances/state.ts';
import type { LiveMachine } from '../live/machines.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';

/**
 * Crash point: the daemon died while machines ran. Takes each up again: console from the keeper,
 * end, boot, published ports (which were sockets of the dead daemon).
 */
export async function adoptRunning(deps: EngineDeps): Promise<void> {
  for (const record of deps.store.instances.list()) {
    if (!isRunning(deps, record) || record.run === undefined) continue;
    if (deps.live.find(record.id) !== undefined) continue;
    try {
      await adoptOne(deps, record, record.run);
      deps.log.info({ instance: record.name }, 'instance taken up');
    } catch (error) {
      deps.log.error(
        { err: error, instance: record.name },
        'an instance was not taken up completely',
      );
    }
  }
}

async function adoptOne(
  deps: EngineDeps,
  record: InstanceRecord,
  run: NonNullable<InstanceRecord['run']>,
): Promise<void> {
  const names = consoleNames(record.id);
  const master = await deps.keeper.fetch(names.master);
  const keepalive = await deps.keeper.fetch(names.keepalive);
  const machine = adopt(
    deps,
    record,
    run.init,
    master === undefined ? undefined : { consoleFd: master.fd, keepaliveFd: keepalive?.fd },
  );
  if (master !== undefined && master.drained.length > 0) machine.console?.feed(master.drained);
  await thawUnmeant(deps, record, machine);
  await resumeBoot(deps, record, machine, run.bootedAtMs !== undefined);
  for (const proxy of planProxies(record.name, expandInstance(deps, record).devices)) {
    await deps.networks.addProxy(run.init.pid, proxy);
  }
}

/** Crash point: during a snapshot or copy of a running machine, or between freeze and its record. */
async function thawUnmeant(
  deps: EngineDeps,
  record: InstanceRecord,
  machine: LiveMachine,
): Promise<void> {
  if (isFrozenByUser(record)) machine.frozen = true;
  else if (deps.runtime.cgroup.driver !== 'none') await deps.runtime.thaw(record.name);
}

async function resumeBoot(
  deps: EngineDeps,
  record: InstanceRecord,
  machine: LiveMachine,
  booted: boolean,
): Promise<void> {
  using files = deps.storage.openFiles(deps.storage.rootPath(record.id), record.slice);
  const { isSystemd } = await findInit(record.name, files);
  if (!booted) {
    await followBoot(deps, machine, isSystemd);
    return;
  }
  machine.boot = 'booted';
  if (isSystemd && !machine.frozen) void findFailedUnits(deps, machine);
}
