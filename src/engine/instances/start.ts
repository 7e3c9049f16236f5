import { closeSync } from 'node:fs';

import type { HostPath } from '../../base/brand.ts';
import { ownNameOf } from '../../base/names.ts';
import type { ProcessIdentity } from '../../base/process-identity.ts';
import { Revert } from '../../base/revert.ts';
import type { Expanded } from '../../contract/config/expand.ts';
import type { EffectiveLimits } from '../../contract/config/limits.ts';
import { readBool } from '../../contract/config/read.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { BindMount, CreatedMachine } from '../../runtime/types.ts';
import type { LiveMachine } from '../live/machines.ts';
import { ensureNetworks } from '../networks/bridges.ts';
import { freeHeldAddresses } from '../networks/held-addresses.ts';
import { missingHwaddrs, planNics } from '../networks/nics.ts';
import { takeAtStartup } from '../snapshots/scheduled.ts';
import type { EngineDeps, InstanceRecord, WorkContext } from '../types.ts';
import { adopt, consoleNames, followBoot } from './adopt.ts';
import { applied } from './applying.ts';
import { checkLimits } from './check-limits.ts';
import { bindShares, planShares } from './disks.ts';
import { endRun } from './end.ts';
import { dropConsole } from './finish.ts';
import { type IdentityTrigger, writeIdentity } from './identity.ts';
import { countInotify, judgeInotify } from './inotify.ts';
import { expandInstance, getInstance } from './list.ts';
import { getInit, planSpec, type Init } from './plan.ts';
import { killAndWait } from './kill.ts';
import { planProxies, refuseProxyPaths } from './proxies.ts';
import { finishRestore } from './restoring.ts';
import { moveToWishedIds } from './other-ids.ts';
import { degradeWhenStalled } from './stalled-boot.ts';
import { isRunning } from './state.ts';
import { applyTemplates } from './templates.ts';
import { checkInstance, refuseHeldAddresses } from './validate.ts';

export interface StartInstanceInput {
  readonly name: string;
}

/**
 * Starts a stopped machine and returns once its init was started.
 * Fails before anything is made when a limit cannot be held; a later failure leaves nothing behind.
 * Throws `wrong_state` when it runs.
 */
export async function startInstance(
  deps: EngineDeps,
  input: StartInstanceInput,
  context: WorkContext,
): Promise<void> {
  getInstance(deps, input.name);
  using _ = await deps.live.locks.act(input.name, 'start');
  const record = getInstance(deps, input.name);
  if (record.phase === 'ready' && record.run === undefined) {
    await takeAtStartup(deps, record, context);
  }
  await startLocked(deps, input.name, context);
  deps.events.lifecycle({
    action: 'instance-started',
    subject: { kind: 'instance', name: input.name },
    context: {},
  });
}

/** The same for a caller that holds the machine's lock; sends no event. */
export async function startLocked(
  deps: EngineDeps,
  name: string,
  context: WorkContext,
): Promise<void> {
  if (deps.live.goingDown) {
    throw new WarrenError('forbidden', {
      what: `start ${name}`,
      why: 'every machine is being stopped',
    });
  }
  const found = getInstance(deps, name);
  if (isRunning(deps, found)) {
    throw new WarrenError('wrong_state', {
      name,
      action: 'start',
      state: 'running',
      wanted: 'stopped',
    });
  }
  if (found.phase !== 'ready') {
    throw new WarrenError('wrong_state', {
      name,
      action: 'start',
      state: 'being deleted',
      wanted: 'stopped',
    });
  }
  using _ = deps.live.enter(found.id, 'Starting');
  // Its last run ended while nobody looked, or its end is still waiting for the lock we hold.
  if (found.run !== undefined) await endRun(deps, found, undefined);
  await finishRestore(deps, found);
  const candidate = { machine: name, settings: found, current: found, moment: 'start' } as const;
  checkInstance(deps, `start ${name}`, candidate);
  const record = ensureHwaddrs(deps, found);
  const expanded = expandInstance(deps, record);
  const limits = checkLimits(deps, name, expanded);
  await refuseHeldAddresses(deps, `start ${name}`, expanded.devices, found.id);
  const owner = await moveToWishedIds(deps, record, expanded.config, context.signal);
  await run(deps, owner, { expanded, limits }, context);
}

async function run(
  deps: EngineDeps,
  record: InstanceRecord,
  { expanded, limits }: { readonly expanded: Expanded; readonly limits: EffectiveLimits },
  { signal }: WorkContext,
): Promise<void> {
  const { id, name } = record;
  const { store, storage, runtime, networks } = deps;
  store.transaction(() => {
    store.volumes.releaseAll(id);
  });
  const binds = await bindShares(deps, `start ${name}`, record, planShares(expanded.devices));
  const proxies = planProxies(name, expanded.devices);
  await refuseProxyPaths(deps, `start ${name}`, proxies);

  await using undo = new Revert((what, error) => {
    deps.log.warn({ err: error, instance: name, what }, 'a failed start was not undone completely');
  });
  undo.push('unmount the root', () => storage.unmountRoot(id));
  const root = await storage.mountRoot(id, record.layers);
  const { init, plain } = await prepareRoot(deps, record, expanded, root, signal);
  signal.throwIfAborted();

  const spec = planSpec(deps, record, expanded, {
    root,
    limits: limits.limits,
    mounts: [...plain, ...binds],
    init: init.command,
  });
  // Runtime state is found by name, so a death from here on is seen by recovery.
  undo.push('remove the runtime state', () => runtime.delete(name));
  const created = await runtime.create(spec, { signal });
  undo.push('kill it', () => killAndWait(deps, name, created.init));
  const machine = await takeOver(deps, record, created, undo);
  await followBoot(deps, machine, init.isSystemd);
  await attachNics(deps, name, expanded, { pid: created.init.pid, undo });
  signal.throwIfAborted();
  const inotify = init.isSystemd ? countInotify() : undefined;
  const startedAtMs = deps.now();
  await runtime.start(name);
  recordRun(deps, record, { machine, init: created.init, startedAtMs }, undo);
  for (const proxy of proxies) {
    undo.push('close a published port', () => networks.removeProxy(name, proxy.device));
    await networks.addProxy(created.init.pid, proxy);
  }
  undo.keep();
  deps.live.returns.cancel(id);
  reportSkipped(deps, name, limits.skipped);
  if (inotify !== undefined) judgeInotify(deps, name, inotify, 'started');
  degradeWhenStalled(deps, machine);
  deps.log.info({ instance: name, pid: created.init.pid }, 'instance started');
}

/** Hands the console to the keeper and the machine to this daemon. */
async function takeOver(
  deps: EngineDeps,
  record: InstanceRecord,
  created: CreatedMachine,
  undo: Revert,
): Promise<LiveMachine> {
  const { id } = record;
  const fds = { consoleFd: created.consoleFd, keepaliveFd: created.consoleKeepaliveFd };
  let adopted = false;
  undo.push('close the console', () => {
    if (adopted) return;
    closeSync(fds.consoleFd);
    closeSync(fds.keepaliveFd);
  });
  // Before init runs: a console whose only holder dies with the daemon would be lost.
  const names = consoleNames(id);
  undo.push('drop the console', () => dropConsole(deps, id));
  await deps.keeper.store(names.master, 'console', fds.consoleFd);
  await deps.keeper.store(names.keepalive, 'plain', fds.keepaliveFd);

  adopted = true;
  const machine = adopt(deps, record, created.init, fds);
  undo.push('let go of it', () => {
    deps.live.release(id);
    machine.recorded.resolve();
  });
  return machine;
}

async function attachNics(
  deps: EngineDeps,
  name: string,
  expanded: Expanded,
  { pid, undo }: { readonly pid: number; readonly undo: Revert },
): Promise<void> {
  await ensureNetworks(deps, expanded);
  if (await freeHeldAddresses(deps, expanded)) await ensureNetworks(deps, expanded);
  for (const nic of planNics(name, expanded)) {
    undo.push('detach an interface', () => deps.networks.detach(name, nic.device));
    await deps.networks.attach(pid, nic);
  }
}

/** Only once init runs: what a death leaves before that is no machine, and recovery kills it. */
function recordRun(
  { store, now }: EngineDeps,
  { id }: InstanceRecord,
  run: {
    readonly init: ProcessIdentity;
    readonly startedAtMs: number;
    readonly machine: LiveMachine;
  },
  undo: Revert,
): void {
  const { init, startedAtMs, machine } = run;
  store.transaction(() => {
    const bootedAtMs = machine.boot.stage === 'starting' ? undefined : now();
    store.instances.setRun(id, { init, startedAtMs, bootedAtMs });
    store.instances.mergeConfig(id, {
      'volatile.last_state.power': 'RUNNING',
      'volatile.frozen': undefined,
      ...applied,
    });
  });
  undo.push('forget the run', () => {
    store.reclaim(() => {
      store.instances.setExit(id, { kind: 'killed' });
      store.instances.mergeConfig(id, { 'volatile.last_state.power': 'STOPPED' });
    });
  });
}

/** What must be in the machine's directories before init runs. */
async function prepareRoot(
  deps: EngineDeps,
  record: InstanceRecord,
  expanded: Expanded,
  root: HostPath,
  signal: AbortSignal,
): Promise<{ readonly init: Init; readonly plain: readonly BindMount[] }> {
  using files = deps.storage.openFiles(root, record.slice);
  const init = await getInit(record.name, files);
  const machine = { record, expanded, files };
  const trigger = record.config['volatile.apply_template'];
  if (trigger !== undefined) {
    await writeIdentity(files, ownNameOf(record.name), trigger as IdentityTrigger);
    await applyTemplates(deps, machine, trigger as IdentityTrigger, signal);
    deps.store.instances.mergeConfig(record.id, { 'volatile.apply_template': undefined });
  }
  await applyTemplates(deps, machine, 'start', signal);
  const plain: BindMount[] = [];
  if (readBool(expanded.config, 'security.nesting') === true) {
    // The kernel refuses an overlay whose upper directory lies on an overlay.
    for (const name of ['docker', 'containers', 'containerd']) {
      const source = await deps.storage.plainDirectory(record.id, name, record.slice);
      const target = `/var/lib/${name}`;
      plain.push({ source, target, readonly: false, recursive: false, kind: 'directory' });
    }
  }
  return { init, plain };
}

/** Hardware addresses are chosen once and stay, so that a machine keeps its lease. */
function ensureHwaddrs(deps: EngineDeps, record: InstanceRecord): InstanceRecord {
  const missing = missingHwaddrs(expandInstance(deps, record));
  if (Object.keys(missing).length === 0) return record;
  deps.store.transaction(() => {
    deps.store.instances.mergeConfig(record.id, missing);
  });
  return getInstance(deps, record.name);
}

function reportSkipped(
  deps: EngineDeps,
  name: string,
  skipped: readonly { readonly key: string; readonly value: string; readonly controller: string }[],
): void {
  const entity = `instance ${name}`;
  const type = 'Limit not enforced';
  if (skipped.length === 0) {
    deps.store.warnings.resolve(type, entity);
    return;
  }
  const list = skipped.map(({ key, value, controller }) => `${key}=${value} (${controller})`);
  const message = `${name} runs without ${list.join(', ')}: the host does not delegate the controller`;
  deps.store.warnings.raise({ type, severity: 'moderate', entity, message }, deps.now());
  deps.log.warn({ instance: name, skipped }, message);
}
