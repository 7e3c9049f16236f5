import { totalmem } from 'node:os';

import type { Expanded, Imposed } from '../../contract/config/expand.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import { machineIssues } from '../../contract/policy/check.ts';
import { heldKeys, matchesPattern, type Policy } from '../../contract/policy/policy.ts';
import { togetherIssues } from '../../contract/policy/together.ts';
import { isWayBack, type Standing } from '../../contract/policy/way-back.ts';
import type { EngineDeps, ImageRecord, InstanceRecord } from '../types.ts';
import { amountsOfMachine, countMachines, countVolumes } from './counted.ts';

type PolicyDeps = Pick<EngineDeps, 'policy' | 'store' | 'ids'>;

/** What the policy adds to every machine. An unusable one adds nothing: each check refuses then. */
export function imposedBy({ policy }: Pick<EngineDeps, 'policy'>): Imposed | undefined {
  const state = policy.read();
  if (state.kind !== 'applies') return undefined;
  return { force: state.policy.force, held: heldKeys(state.policy) };
}

/** A machine that is about to be made, changed or started. */
export interface Judged {
  readonly own: InstanceRecord['config'];
  readonly expanded: Expanded;
  /** The machine as it is; undefined for one that is not there yet. */
  readonly current: InstanceRecord | undefined;
}

/**
 * The one place where the administrator's policy is held against what a machine comes to: after
 * every merge, on the merged result. Nothing but a `start` is refused for totals to which it does
 * not add, and no `change` that only takes away what the policy has against the machine, so that a
 * user comes back to a new policy step by step. Throws `policy` with every issue, also when there
 * is a policy that cannot be relied on.
 */
export function checkPolicy(
  deps: PolicyDeps,
  what: string,
  judged: Judged,
  expandOther: (record: InstanceRecord) => Expanded,
  moment: 'start' | 'restore' | 'change',
): void {
  const policy = findPolicy(deps, what);
  if (policy === undefined) return;
  const { own, expanded, current } = judged;
  const rest = deps.store.instances.list().filter(({ id }) => id !== current?.id);
  const others = countMachines(rest, expandOther);
  const volumes = countVolumes(deps);
  const now = current === undefined ? undefined : expandOther(current);
  const asItIs = now === undefined ? [] : [{ name: undefined, has: amountsOfMachine(now) }];
  const before = [...others, ...asItIs, ...volumes];
  const after = [...others, { name: undefined, has: amountsOfMachine(expanded) }, ...volumes];
  const next = standing(deps, policy, own, expanded);
  const isMended =
    moment === 'change' &&
    current !== undefined &&
    now !== undefined &&
    isWayBack([{ before: standing(deps, policy, current.config, now), after: next }]);
  refuse(deps, what, [
    ...(isMended ? [] : next.issues),
    ...togetherIssues(policy, after, moment === 'start' ? undefined : before),
  ]);
}

function standing(
  { ids }: Pick<EngineDeps, 'ids'>,
  policy: Policy,
  own: InstanceRecord['config'],
  expanded: Expanded,
): Standing {
  const host = { memoryBytes: totalmem(), user: ids.user };
  return { machine: expanded, issues: machineIssues(policy, { own, expanded }, host) };
}

/** The same for all machines whose profile changes, each with what it would come to. */
export function checkPolicyOfUsers(
  deps: PolicyDeps,
  what: string,
  users: readonly { readonly record: InstanceRecord; readonly next: Expanded }[],
  expandOther: (record: InstanceRecord) => Expanded,
): void {
  const policy = findPolicy(deps, what);
  if (policy === undefined) return;
  const all = deps.store.instances.list();
  const volumes = countVolumes(deps);
  const before = countMachines(all, expandOther);
  const nextOf = new Map(users.map(({ record, next }) => [record.name, next]));
  const after = before.map((machine) => {
    const next = nextOf.get(machine.name);
    return next === undefined ? machine : { ...machine, has: amountsOfMachine(next) };
  });
  const changes = users.map(({ record, next }) => ({
    name: record.name,
    before: standing(deps, policy, record.config, expandOther(record)),
    after: standing(deps, policy, record.config, next),
  }));
  const issues = changes.flatMap(({ name, after: { issues: found } }) =>
    found.map(({ path, problem }) => ({ path: `${name}: ${path}`, problem })),
  );
  refuse(deps, what, [
    ...(isWayBack(changes) ? [] : issues),
    ...togetherIssues(policy, [...after, ...volumes], [...before, ...volumes]),
  ]);
}

/** Where the files of an image come from. */
export type ImageOrigin =
  | { readonly kind: 'recipe'; readonly alias: string }
  | { readonly kind: 'import' | 'publish'; readonly fingerprint: string | undefined };

/** Throws `policy` when images from there are not allowed. */
export function checkImagePolicy(
  deps: Pick<EngineDeps, 'policy'>,
  what: string,
  origin: ImageOrigin,
): void {
  const allowed = findPolicy(deps, what)?.images;
  if (allowed === undefined) return;
  const name = origin.kind === 'recipe' ? origin.alias : origin.kind;
  const fingerprint = origin.kind === 'recipe' ? undefined : origin.fingerprint;
  if (matchesPattern(allowed, name)) return;
  if (fingerprint !== undefined && allowed.includes(fingerprint)) return;
  // Before an import the fingerprint is not known: it is judged once it is.
  if (origin.kind === 'import' && fingerprint === undefined && allowed.some(isFingerprint)) return;
  const list = allowed.length === 0 ? 'none' : `only ${allowed.join(', ')}`;
  const found = origin.kind === 'recipe' ? `the image ${name}` : imageWords[origin.kind];
  refuse(deps, what, [{ path: '', problem: `${found} is not allowed, images allows ${list}` }]);
}

const imageWords = {
  import: 'an image from elsewhere',
  publish: 'an image of a machine',
} as const;

/**
 * The same for a machine from an image that is here: one without a recipe was imported or
 * published.
 */
export function checkUseOfImage(
  deps: Pick<EngineDeps, 'policy'>,
  what: string,
  image: Pick<ImageRecord, 'recipe' | 'fingerprint'>,
): void {
  const { recipe, fingerprint } = image;
  if (recipe !== undefined) {
    checkImagePolicy(deps, what, { kind: 'recipe', alias: recipe });
    return;
  }
  const allowed = findPolicy(deps, what)?.images;
  if (allowed?.includes('publish') === true) return;
  checkImagePolicy(deps, what, { kind: 'import', fingerprint });
}

/** Throws `policy` for one that cannot be relied on. */
export function findPolicy(
  { policy }: Pick<EngineDeps, 'policy'>,
  what: string,
): Policy | undefined {
  const state = policy.read();
  if (state.kind === 'none') return undefined;
  if (state.kind === 'applies') return state.policy;
  const issues = state.problems.map((problem) => ({ path: '', problem }));
  throw new WarrenError('policy', { what, file: policy.file, issues });
}

function refuse(
  { policy }: Pick<EngineDeps, 'policy'>,
  what: string,
  issues: readonly Issue[],
): void {
  if (issues.length > 0) throw new WarrenError('policy', { what, file: policy.file, issues });
}

function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
