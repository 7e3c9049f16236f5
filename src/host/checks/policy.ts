import { describePolicy } from '../../contract/policy/describe.ts';
import { hostPolicy } from '../../sys/policy.ts';
import { fatal, ok, type Check } from './check.ts';

/** Whether the administrator has rules for machines, and whether they can be relied on. */
export const checkPolicy: Check = () => {
  const policy = hostPolicy();
  const state = policy.read();
  if (state.kind === 'none') return ok('policy: none');
  if (state.kind === 'applies') return ok(`policy: ${describePolicy(state.policy)}`);
  return fatal(
    `${policy.file} cannot be relied on, so nothing is made or started: ${state.problems.join('; ')}`,
    `have root mend ${policy.file}    (warren help policy)`,
  );
};
