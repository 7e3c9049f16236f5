import type { Issue } from '../errors.ts';
import { amounts } from './check.ts';
import type { Ceilings, Policy } from './policy.ts';

/** One machine or storage volume of a user; without a name it is the one that is asked about. */
export interface Counted {
  readonly name: string | undefined;
  readonly has: Ceilings;
  /** Has disk alone, and is no machine. */
  readonly isVolume?: true;
}

/** What the rules are called in a policy. */
const policyRules = { machines: 'machines', together: 'together' };

/**
 * What all machines and volumes of a user may not have together. With `before`, only what has grown
 * since is an issue. What nothing holds counts as having everything.
 */
export function togetherIssues(
  { machines, together }: Policy,
  after: readonly Counted[],
  before?: readonly Counted[],
  rules: { readonly machines: string; readonly together: string } = policyRules,
): Issue[] {
  const issues: Issue[] = [];
  const count = countMachines(after);
  const grew = before === undefined || count > countMachines(before);
  if (machines !== undefined && count > machines && grew) {
    const problem = `${count} machines are too many, ${rules.machines} allows ${machines}`;
    issues.push({ path: '', problem });
  }
  for (const { field, rule, path, unset, format } of amounts) {
    const most = together[field];
    if (most === undefined) continue;
    const amount = ({ has, isVolume }: Counted): number =>
      has[field] ?? (isVolume === true && field !== 'diskBytes' ? 0 : Infinity);
    const sum = (all: readonly Counted[]): number =>
      all.reduce((total, one) => total + amount(one), 0);
    const total = sum(after);
    if (total <= most || (before !== undefined && total <= sum(before))) continue;
    const free = after.find((one) => amount(one) === Infinity);
    const all = after.some(({ isVolume }) => isVolume) ? 'machines and volumes' : 'machines';
    const found =
      free === undefined
        ? `${format(total)} of all ${all} is too much`
        : `${free.name === undefined ? '' : `of ${free.name} `}${unset}`;
    issues.push({ path, problem: `${found}, ${rules.together}.${rule} allows ${format(most)}` });
  }
  return issues;
}

function countMachines(all: readonly Counted[]): number {
  return all.filter(({ isVolume }) => isVolume !== true).length;
}
