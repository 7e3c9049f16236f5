import {
  adopt,
  catchUpWithBoot,
  consoleNames,
  noteFailedUnits,
  followBoot,
} from '../instances/adopt.ts';
import { applied, findApplying } from '../instances/applying.ts';
import { applyAgain } from '../instances/apply-live.ts';
import { isFrozenByUser, notTakenUp } from '../instances/finish.ts';
import { expandInstance } from '../instances/list.ts';
import { getInit } from '../instances/plan.ts';
import { planProxies } from '../instances/proxies.ts';
import { degradeWhenStalled } from '../instances/stalled-boot.ts';
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
    const failures: string[] = [];
    const attempt = async <T>(what: string, step: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await step();
      } catch (error) {
        deps.log.error({ err: error, instance: record.name, what }, `could not ${what}`);
        failures.push(
          `could not ${what}: ${error instanceof Error ? error.message : String(error)}`,
        );
        return undefined;
      }
    };
    const { run } = record;
    await attempt('take it up', () => adoptOne(deps, record, run, attempt));
    report(deps, record.name, failures);
  }
}

/**
 * Tries a step, notes why it failed, and answers nothing then: the next steps do not depend on it.
 */
type Attempt = <T>(what: string, step: () => Promise<T>) => Promise<T | undefined>;

function report(deps: EngineDeps, name: string, failures: readonly string[]): void {
  const entity = `instance ${name}`;
  if (failures.length === 0) {
    deps.store.warnings.resolve(notTakenUp, entity);
    deps.log.info({ instance: name }, 'instance taken up');
    return;
  }
  const message = `After a restart of the daemon, of ${name}: ${failures.join('; ')}`;
  const warning = { type: notTakenUp, severity: 'high', entity, message } as const;
  deps.store.warnings.raise(warning, deps.now());
}

async function adoptOne(
  deps: EngineDeps,
  record: InstanceRecord,
  run: NonNullable<InstanceRecord['run']>,
  attempt: Attempt,
): Promise<void> {
  const names = consoleNames(record.id);
  const fetch = 'fetch its console';
  const master = await attempt(fetch, () => deps.keeper.fetch(names.master));
  const keepalive =
    master === undefined
      ? undefined
      : await attempt(fetch, () => deps.keeper.fetch(names.keepalive));
  const machine = adopt(
    deps,
    record,
    run.init,
    master === undefined ? undefined : { consoleFd: master.fd, keepaliveFd: keepalive?.fd },
  );
  if (master !== undefined && master.drained.length > 0) machine.console?.feed(master.drained);
  await attempt('thaw it', () => thawUnmeant(deps, record, machine));
  await attempt('apply its changed settings', () => finishApplying(deps, record));
  await attempt('follow its boot', () =>
    resumeBoot(deps, record, machine, run.bootedAtMs !== undefined),
  );
  for (const proxy of planProxies(record.name, expandInstance(deps, record).devices)) {
    await attempt(`publish ${proxy.device}`, () => deps.networks.addProxy(run.init.pid, proxy));
  }
}

/** Crash point: between new settings in the database and their last effect on the machine. */
async function finishApplying(deps: EngineDeps, record: InstanceRecord): Promise<void> {
  const before = findApplying(record);
  if (before === undefined) return;
  try {
    await applyAgain(deps, record, before, expandInstance(deps, record));
  } finally {
    deps.store.transaction(() => {
      deps.store.instances.mergeConfig(record.id, applied);
    });
  }
}

/**
 * Crash point: during a snapshot or copy of a running machine, or between freeze and its record.
 */
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
  const isSystemd = await hasSystemd(deps, record).catch((error: unknown) => {
    // A machine whose init cannot be looked at counts as booted.
    machine.boot.finish();
    throw error;
  });
  if (!booted) {
    await followBoot(deps, machine, isSystemd);
    degradeWhenStalled(deps, machine);
    if (isSystemd && !machine.frozen) void catchUpWithBoot(deps, machine);
    return;
  }
  machine.boot.finish();
  if (isSystemd && !machine.frozen) void noteFailedUnits(deps, machine);
}

async function hasSystemd(deps: EngineDeps, record: InstanceRecord): Promise<boolean> {
  using files = deps.storage.openFiles(deps.storage.rootPath(record.id), record.slice);
  return (await getInit(record.name, files)).isSystemd;
}
