import { isDeepStrictEqual } from 'node:util';

import type { Revert } from '../../base/revert.ts';
import type { Expanded } from '../../contract/config/expand.ts';
import { applyNetworks } from '../networks/bridges.ts';
import { planNics } from '../networks/nics.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';
import { planLimits } from './plan.ts';
import { planProxies } from './proxies.ts';

/**
 * Brings a running machine from one expanded config to another, as far as that works live: limits,
 * interfaces, published ports. The rest takes effect at its next start. Each effect pushes its
 * opposite onto `undo`.
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

  const { pid } = run.init;
  const nics = changes(planNics(name, before), planNics(name, after));
  if (nics.changed) await applyNetworks(deps);
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

  const proxies = changes(planProxies(name, before.devices), planProxies(name, after.devices));
  for (const proxy of proxies.removed) {
    undo.push('publish a port again', () => deps.networks.addProxy(pid, proxy));
    await deps.networks.removeProxy(name, proxy.device);
  }
  for (const proxy of proxies.added) {
    undo.push('close a published port', () => deps.networks.removeProxy(name, proxy.device));
    await deps.networks.addProxy(pid, proxy);
  }
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

/** What is there no more and what is new; a device that changed is both. */
function changes<T extends { readonly device: string }>(
  before: readonly T[],
  after: readonly T[],
): { readonly removed: T[]; readonly added: T[]; readonly changed: boolean } {
  const isIn = (all: readonly T[], one: T): boolean =>
    all.some((other) => isDeepStrictEqual(other, one));
  const removed = before.filter((one) => !isIn(after, one));
  const added = after.filter((one) => !isIn(before, one));
  return { removed, added, changed: removed.length > 0 || added.length > 0 };
}
