import type { Issue } from '../errors.ts';
import { amounts } from './check.ts';
import type { Ceilings, Policy } from './policy.ts';

/** One machine of a user; without a name it is the one that is asked about. */
export interface Counted {
  readonly name: string | undefined;
  readonly has: Ceilings;
}

/**
 * What all machines of a user may not have together. With `before`, only what has grown since is an
 * issue. A machine that nothing holds counts as having everything.
 */
export function togetherIssues(
  { machines, together }: Policy,
  after: readonly Counted[],
  before?: readonly Ceilings[],
): Issue[] {
  const issues: Issue[] = [];
  const grew = before === undefined || after.length > before.length;
  if (machines !== undefined && after.length > machines && grew) {
    const problem = `${after.length} machines are too many, machines allows ${machines}`;
    issues.push({ path: '', problem });
  }
  for (const { field, rule, path, unset, format } of amounts) {
    const most = together[field];
    if (most === undefined) continue;
    const sum = (all: readonly Ceilings[]): number =>
      all.reduce((total, has) => total + (has[field] ?? Infinity), 0);
    const total = sum(after.map(({ has }) => has));
    if (total <= most || (before !== undefined && total <= sum(before))) continue;
    const free = after.find(({ has }) => has[field] === undefined);
    const found =
      free === undefined
        ? `${format(total)} of all machines is too much`
        : `${free.name === undefined ? '' : `of ${free.name} `}${unset}`;
    issues.push({ path, problem: `${found}, together.${rule} allows ${format(most)}` });
  }
  return issues;
}
