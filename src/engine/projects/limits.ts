import { projectOf } from '../../base/names.ts';
import { parseSize } from '../../base/units.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import type { Expanded } from '../../contract/config/expand.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import { togetherIssues, type Counted } from '../../contract/policy/together.ts';
import type { Ceilings, Policy } from '../../contract/policy/policy.ts';
import { expander } from '../instances/list.ts';
import { amountsOfMachine, countMachines } from '../policy/counted.ts';
import { getProject } from './list.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';

type LimitDeps = Pick<EngineDeps, 'store' | 'policy'>;

/** A machine as it would be; without a record it is not there yet, or in another project. */
export interface Planned {
  readonly machine: string;
  readonly record: InstanceRecord | undefined;
  readonly expanded: Expanded;
}

/**
 * Throws `not_found` for a project that is gone, `forbidden` when machines would be more than
 * `limits.*` of their project allow. As with a policy, a change that adds nothing to what was there
 * already goes through.
 */
export function checkProjectLimits(
  deps: LimitDeps,
  what: string,
  planned: readonly Planned[],
  moment: 'start' | 'change' = 'change',
): void {
  for (const name of new Set(planned.map(({ machine }) => projectOf(machine)))) {
    // It may have been deleted while an image was built for the machine.
    const { config } = getProject(deps, name);
    if (!hasLimits(config)) continue;
    const own = planned.filter(({ machine }) => projectOf(machine) === name);
    refuse(what, name, limitIssues(deps, name, config, own, moment));
  }
}

/** Throws `forbidden` when the machines of a project are more than new limits allow. */
export function checkNewLimits(
  deps: LimitDeps,
  what: string,
  name: string,
  config: StringMap,
): void {
  if (hasLimits(config)) refuse(what, name, limitIssues(deps, name, config, [], 'start'));
}

function limitIssues(
  deps: LimitDeps,
  name: string,
  config: StringMap,
  planned: readonly Planned[],
  moment: 'start' | 'change',
): Issue[] {
  // Those that are still being made as well.
  const records = deps.store.instances.list().filter((one) => projectOf(one.name) === name);
  const before = countMachines(records, expander(deps));
  const changed = new Set(planned.map(({ record }) => record?.id));
  const after: Counted[] = [
    ...before.filter((_, index) => !changed.has(records[index]?.id)),
    ...planned.map(({ machine, expanded }) => ({
      name: machine,
      has: amountsOfMachine(expanded),
    })),
  ];
  const rules = { machines: 'limits.instances', together: 'limits' };
  return togetherIssues(asPolicy(config), after, moment === 'start' ? undefined : before, rules);
}

function hasLimits(config: StringMap): boolean {
  return Object.keys(config).some((key) => key.startsWith('limits.'));
}

/** The limits of a project as a policy that has nothing else. */
function asPolicy(config: StringMap): Policy {
  const number = (key: string): number => Number(config[key] ?? Infinity);
  const machines = Math.min(number('limits.instances'), number('limits.containers'));
  const memoryBytes = parseSize(config['limits.memory'] ?? '');
  const diskBytes = parseSize(config['limits.disk'] ?? '');
  const together: Ceilings = {
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(diskBytes === undefined ? {} : { diskBytes }),
    ...(config['limits.cpu'] === undefined ? {} : { cpus: number('limits.cpu') }),
    ...(config['limits.processes'] === undefined ? {} : { processes: number('limits.processes') }),
  };
  const none = { each: {}, force: {}, deny: [], devices: {} };
  return { ...none, together, ...(machines === Infinity ? {} : { machines }) };
}

function refuse(what: string, project: string, issues: readonly Issue[]): void {
  if (issues.length === 0) return;
  const problems = issues.map(({ problem }) => problem).join('; ');
  throw new WarrenError('forbidden', { what, why: `${problems} in the project ${project}` });
}
