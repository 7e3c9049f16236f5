import { Revert } from '../../base/revert.ts';
import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import { dropEmpty } from '../../contract/config/validate.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import { applied, noteApplying } from '../instances/applying.ts';
import { applyLive } from '../instances/apply-live.ts';
import { dropEmptyKeys } from '../instances/devices.ts';
import { checkSources } from '../instances/disks.ts';
import { expander, expandInstance } from '../instances/list.ts';
import { notLive } from '../instances/not-live.ts';
import { checkWishedIds } from '../instances/other-ids.ts';
import { isRunning } from '../instances/state.ts';
import { instanceIssues } from '../instances/validate.ts';
import { applyNetworks } from '../networks/bridges.ts';
import { heldAddressIssues, noteFixedAddresses } from '../networks/held-addresses.ts';
import {
  addressHolders,
  type AddressHolders,
  sharedAddressIssues,
} from '../networks/shared-addresses.ts';
import { missingHwaddrs, staleHwaddrs } from '../networks/nics.ts';
import { checkPolicyOfUsers } from '../policy/policy.ts';
import { checkProjectLimits } from '../projects/limits.ts';
import type { EngineDeps, InstanceRecord, ProfileRecord } from '../types.ts';
import { getProfile, usersOfProfile } from './list.ts';
import { checkProfile } from './validate.ts';

/** What is undefined stays; an empty value removes a key. */
export interface UpdateProfileInput {
  readonly name: string;
  readonly description?: string | undefined;
  readonly config?: StringMap | undefined;
  readonly devices?: DeviceMap | undefined;
  readonly check?: ((current: ProfileRecord) => void) | undefined;
}

export interface UpdatedProfile {
  readonly record: ProfileRecord;
  /** Keys whose change running machines take up at their next start. */
  readonly waiting: { readonly keys: readonly string[]; readonly machines: readonly string[] };
}

/**
 * Stores it and applies what is live to every running machine that uses it. When that fails for
 * one, all of them and the profile are put back.
 */
export async function updateProfile(
  deps: EngineDeps,
  input: UpdateProfileInput,
): Promise<UpdatedProfile> {
  const { name } = input;
  for (;;) {
    getProfile(deps, name);
    const users = usersOfProfile(deps, name);
    using _ = await deps.live.locks.waitAll(users);
    const updated = await updateWithUsers(deps, input, users);
    if (updated !== undefined) return updated;
  }
}

/**
 * For a caller that holds the locks of these machines. Undefined when another has got the profile
 * until now, or one another name: then nothing is done.
 */
async function updateWithUsers(
  deps: EngineDeps,
  input: UpdateProfileInput,
  users: readonly string[],
): Promise<UpdatedProfile | undefined> {
  const { name } = input;
  const areAll = (): boolean => usersOfProfile(deps, name).every((user) => users.includes(user));
  if (!areAll()) return undefined;
  await using undo = new Revert((what, error) => {
    deps.log.warn({ err: error, profile: name, what }, 'a failed change was not undone completely');
  });
  const current = getProfile(deps, name);
  input.check?.(current);
  const next = {
    ...current,
    description: input.description ?? current.description,
    config: input.config === undefined ? current.config : dropEmpty(input.config),
    devices: input.devices === undefined ? current.devices : dropEmptyKeys(input.devices),
  };
  checkProfile(deps, `change profile ${name}`, next);
  const records = users.flatMap((user) => deps.store.instances.find(user) ?? []);
  await checkUsers(deps, records, next);
  judgeUsers(deps, records, next);
  if (users.length > 0) {
    await checkSources(deps, `change profile ${name}`, current.devices, next.devices);
  }
  // From here to the transaction nothing is waited for: who gets the profile later gets the new
  // one.
  if (!areAll()) return undefined;
  // Again, for others may have taken meanwhile what was left of what all have together.
  judgeUsers(deps, records, next);

  const running = new Map(
    records
      .filter((record) => isRunning(deps, record))
      .map((record) => [record.id, expandInstance(deps, record)]),
  );
  undo.push('put the old profile back', async () => {
    deps.store.reclaim(() => {
      deps.store.profiles.set(current.id, current);
      for (const id of running.keys()) deps.store.instances.mergeConfig(id, applied);
    });
    await applyNetworks(deps);
  });
  deps.store.transaction(() => {
    deps.store.profiles.set(current.id, next);
    for (const record of records) {
      deps.store.instances.mergeConfig(record.id, missingHwaddrs(expandInstance(deps, record)));
    }
    for (const [id, old] of running) deps.store.instances.mergeConfig(id, noteApplying(old));
  });
  for (const record of records) {
    const { devices } = expandInstance(deps, record);
    noteFixedAddresses(deps, expandInstance(deps, record, current).devices, devices);
  }
  const keys = new Set<string>();
  const machines: string[] = [];
  for (const [id, old] of running) {
    const record = deps.store.instances.findById(id);
    if (record === undefined || !isRunning(deps, record)) continue;
    const expanded = expandInstance(deps, record);
    await applyLive(deps, record, old, expanded, undo);
    const left = notLive(old, expanded);
    for (const key of left) keys.add(key);
    if (left.length > 0) machines.push(record.name);
  }
  deps.store.transaction(() => {
    for (const id of running.keys()) deps.store.instances.mergeConfig(id, applied);
    for (const { id, ...record } of records) {
      const stale = staleHwaddrs(record.config, expandInstance(deps, record).devices);
      const removed = Object.fromEntries(stale.map((key) => [key, undefined]));
      deps.store.instances.mergeConfig(id, removed);
    }
  });
  undo.keep();
  deps.events.lifecycle({
    action: 'profile-updated',
    subject: { kind: 'profile', name },
    context: {},
  });
  return { record: getProfile(deps, name), waiting: { keys: [...keys].sort(), machines } };
}

/** The profile may be right by itself and wrong for a machine that uses it. */
async function checkUsers(
  deps: EngineDeps,
  records: readonly InstanceRecord[],
  next: ProfileRecord,
): Promise<void> {
  const what = `change profile ${next.name}`;
  const issues: Issue[] = [];
  const expandNext = expander(deps, next);
  let known: AddressHolders | undefined;
  const holders = (): AddressHolders =>
    (known ??= addressHolders(deps, (record) => expandNext(record).devices));
  for (const record of records) {
    for (const { path, problem } of await issuesOfUser(deps, record, next, holders)) {
      issues.push({ path: `${record.name}: ${path}`, problem });
    }
  }
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
}

/**
 * What the policy, the ids that there are and the projects have against machines with the profile
 * as it shall be.
 */
function judgeUsers(
  deps: EngineDeps,
  records: readonly InstanceRecord[],
  next: ProfileRecord,
): void {
  const what = `change profile ${next.name}`;
  const judged = records.map((record) => ({ record, next: expandInstance(deps, record, next) }));
  checkPolicyOfUsers(deps, what, judged, expander(deps));
  for (const one of judged) checkWishedIds(deps, one.record, one.next.config);
  const planned = judged.map((one) => ({
    ...{ machine: one.record.name, record: one.record, expanded: one.next },
  }));
  checkProjectLimits(deps, what, planned);
}

async function issuesOfUser(
  deps: EngineDeps,
  record: InstanceRecord,
  next: ProfileRecord,
  holders: () => AddressHolders,
): Promise<Issue[]> {
  const issues = instanceIssues(deps, record.name, record, next);
  if (issues.length > 0) return issues;
  const { devices } = expandInstance(deps, record, next);
  const before = expandInstance(deps, record).devices;
  return [
    ...sharedAddressIssues(devices, record.id, holders, before),
    ...(await heldAddressIssues(deps, devices, record.id, before)),
  ];
}
