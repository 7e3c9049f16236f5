import type { InstanceStateNetwork } from '../../contract/api/instances.ts';
import type { MachineAccounts, MachineUsage } from '../../runtime/types.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';
import { isRunning } from './state.ts';

/** What a machine that runs has used so far, and uses. */
export interface Measurement {
  readonly name: string;
  readonly usage: MachineUsage;
  readonly accounts: MachineAccounts;
  readonly network: Readonly<Record<string, InstanceStateNetwork>>;
}

/** Of those of `records` that run. No file of a machine is looked at. */
export async function measureInstances(
  deps: EngineDeps,
  records: readonly InstanceRecord[],
): Promise<Measurement[]> {
  const all = await Promise.all(records.map((record) => measure(deps, record)));
  return all.filter((one) => one !== undefined);
}

async function measure(deps: EngineDeps, record: InstanceRecord): Promise<Measurement | undefined> {
  const { name, run } = record;
  if (run === undefined || !isRunning(deps, record)) return undefined;
  const [usage, network] = await Promise.all([
    deps.runtime.usage(name),
    // It may end at any moment while it is looked at.
    deps.networks.interfaces(run.init.pid).catch(() => ({})),
  ]);
  const accounts = deps.runtime.accounts(name);
  if (usage === undefined || accounts === undefined) return undefined;
  return { name, usage, accounts, network };
}
