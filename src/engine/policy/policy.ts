import { totalmem } from 'node:os';

import type { Expanded, Imposed } from '../../contract/config/expand.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import { machineIssues } from '../../contract/policy/check.ts';
import { heldKeys, matchesPattern, type Policy } from '../../contract/policy/policy.ts';
import { togetherIssues } from '../../contract/policy/together.ts';
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
 * every merge, on the merged result. A `change` is refused for totals only when it adds to them, so
 * that a user over a lowered ceiling can get below it step by step. Throws `policy` with every
 * issue, also when there is a policy that cannot be relied on.
 */
export function checkPolicy(
  deps: PolicyDeps,
  what: string,
  judged: Judged,
  expandOther: (record: InstanceRecord) => Expanded,
  moment: 'start' | 'change',
): void {
  const policy = findPolicy(deps, what);
  if (policy === undefined) return;
  const memoryBytes = totalmem();
  const { own, expanded, current } = judged;
  const rest = deps.store.instances.list().filter(({ id }) => id !== current?.id);
  const others = countMachines(rest, expandOther);
  const volumes = countVolumes(deps);
  const asItIs =
    current === undefined ? [] : [{ name: undefined, has: amountsOfMachine(expandOther(current)) }];
  const before = [...others, ...asItIs, ...volumes];
  const after = [...others, { name: undefined, has: amountsOfMachine(expanded) }, ...volumes];
  refuse(deps, what, [
    ...machineIssues(policy, { own, expanded }, { memoryBytes, user: deps.ids.user }),
    ...togetherIssues(policy, after, moment === 'start' ? undefined : before),
  ]);
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
  const memoryBytes = totalmem();
  const all = deps.store.instances.list();
  const volumes = countVolumes(deps);
  const before = countMachines(all, expandOther);
  const nextOf = new Map(users.map(({ record, next }) => [record.name, next]));
  const after = before.map((machine) => {
    const next = nextOf.get(machine.name);
    return next === undefined ? machine : { ...machine, has: amountsOfMachine(next) };
  });
  refuse(deps, what, [
    ...users.flatMap(({ record, next }) => {
      const machine = { own: record.config, expanded: next };
      const issues = machineIssues(policy, machine, { memoryBytes, user: deps.ids.user });
      return issues.map(({ path, problem }) => ({ path: `${record.name}: ${path}`, problem }));
    }),
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

/** The same for a machine from an image that is here: one without a recipe was imported or published. */
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
