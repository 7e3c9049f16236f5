import { isDeepStrictEqual } from 'node:util';

import { Revert } from '../../base/revert.ts';
import type { ProcessIdentity } from '../../base/process-identity.ts';
import type { Expanded } from '../../contract/config/expand.ts';
import { applyNetworks } from '../networks/bridges.ts';
import { freeHeldAddresses } from '../networks/held-addresses.ts';
import { planNics } from '../networks/nics.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';
import { bindShares, changesOf, planShares, type Share } from './disks.ts';
import { planLimits } from './plan.ts';
import { planProxies } from './proxies.ts';
import { visibleCpus } from './visible-cpus.ts';

/**
 * Brings a running machine from one expanded config to another, as far as that works live: limits,
 * mounts, interfaces, published ports. The rest takes effect at its next start. Each effect pushes
 * its opposite onto `undo`.
 */
export async function applyLive(
  deps: EngineDeps,
  record: InstanceRecord,
  before: Expanded,
  after: Expanded,
  undo: Revert,
): Promise<void> {
  const { name, run } = record;
  if (run === undefined) return;
  await applyLimits(deps, name, before, after, undo);
  showCpus(deps, record, before, after, undo);
  await applyShares(deps, record, run.init, changedShares(before, after), undo);

  const { pid } = run.init;
  const nics = changesOf(planNics(name, before), planNics(name, after));
  if (nics.added.length > 0) await freeHeldAddresses(deps, after);
  if (nics.removed.length + nics.added.length > 0) await applyNetworks(deps);
  for (const nic of nics.removed) {
    undo.push('attach an interface again', async () => {
      await deps.networks.attach(pid, nic);
    });
    await deps.networks.detach(name, nic.device);
  }
  for (const nic of nics.added) {
    undo.push('detach an interface', () => deps.networks.detach(name, nic.device));
    await deps.networks.attach(pid, nic);
  }

  const proxies = changesOf(planProxies(name, before.devices), planProxies(name, after.devices));
  for (const proxy of proxies.removed) {
    undo.push('publish a port again', () => deps.networks.addProxy(pid, proxy));
    await deps.networks.removeProxy(name, proxy.device);
  }
  for (const proxy of proxies.added) {
    undo.push('close a published port', () => deps.networks.removeProxy(name, proxy.device));
    await deps.networks.addProxy(pid, proxy);
  }
}

/**
 * Does again what a daemon that died in `applyLive` may have left undone or half-done. Published
 * ports are not among it: they were that daemon's own.
 */
export async function applyAgain(
  deps: EngineDeps,
  record: InstanceRecord,
  before: Expanded,
  after: Expanded,
): Promise<void> {
  const { name, run } = record;
  if (run === undefined) return;
  // Never unwound: what was done stays, whatever else fails.
  const undo = new Revert(() => undefined);
  await applyLimits(deps, name, before, after, undo);
  showCpus(deps, record, before, after, undo);
  const { removed, added } = changedShares(before, after);
  for (const { target } of [...removed, ...added].toReversed()) {
    await deps.runtime.detachMount(name, run.init, target);
  }
  await applyShares(deps, record, run.init, { removed: [], added }, undo);

  const nics = changesOf(planNics(name, before), planNics(name, after));
  if (nics.removed.length + nics.added.length > 0) await applyNetworks(deps);
  for (const { device } of [...nics.removed, ...nics.added]) {
    await deps.networks.detach(name, device);
  }
  for (const nic of nics.added) await deps.networks.attach(run.init.pid, nic);
}

async function applyLimits(
  deps: EngineDeps,
  name: string,
  before: Expanded,
  after: Expanded,
  undo: Revert,
): Promise<void> {
  const old = planLimits(deps, before);
  const wanted = planLimits(deps, after);
  if (isDeepStrictEqual(old.limits, wanted.limits)) return;
  deps.runtime.checkLimits(name, wanted.limits, wanted.keys);
  undo.push('set the old limits again', () => deps.runtime.applyLimits(name, old.limits));
  await deps.runtime.applyLimits(name, wanted.limits);
}

function showCpus(
  { runtime }: EngineDeps,
  { id, name }: InstanceRecord,
  before: Expanded,
  after: Expanded,
  undo: Revert,
): void {
  const [old, wanted] = [before, after].map(({ config }) => visibleCpus(config, id, runtime.cpus));
  if (isDeepStrictEqual(old, wanted)) return;
  undo.push('show the old CPUs again', () => {
    runtime.showCpus(name, old ?? runtime.cpus);
  });
  runtime.showCpus(name, wanted ?? runtime.cpus);
}

/** Opposites are pushed before the effect: to detach what is not there does nothing. */
async function applyShares(
  deps: EngineDeps,
  machine: InstanceRecord,
  init: ProcessIdentity,
  { removed, added }: { readonly removed: readonly Share[]; readonly added: readonly Share[] },
  undo: Revert,
): Promise<void> {
  const { name } = machine;
  for (const share of removed.toReversed()) {
    undo.push(`mount ${share.source} again`, () => attachShares(deps, machine, init, [share]));
    await deps.runtime.detachMount(name, init, share.target);
  }
  for (const share of added) {
    undo.push(`unmount ${share.target}`, () => deps.runtime.detachMount(name, init, share.target));
    await attachShares(deps, machine, init, [share]);
  }
}

async function attachShares(
  deps: EngineDeps,
  machine: InstanceRecord,
  init: ProcessIdentity,
  shares: readonly Share[],
): Promise<void> {
  const { name } = machine;
  for (const bind of await bindShares(deps, `change ${name}`, machine, shares)) {
    await deps.runtime.attachMount(name, init, bind);
  }
}

/** With those below a target that changes: they go with the mount that they lie on. */
function changedShares(
  before: Expanded,
  after: Expanded,
): { readonly removed: Share[]; readonly added: Share[] } {
  const [old, now] = [planShares(before.devices), planShares(after.devices)];
  const { removed, added } = changesOf(old, now);
  const moved = [...removed, ...added].map(({ target }) => `${target}/`);
  const isMoved = (share: Share): boolean =>
    moved.some((above) => share.target.startsWith(above.replace(/\/+$/, '/')));
  return {
    removed: old.filter((share) => removed.includes(share) || isMoved(share)),
    added: now.filter((share) => added.includes(share) || isMoved(share)),
  };
}
