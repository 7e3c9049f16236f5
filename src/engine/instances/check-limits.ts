import type { Expanded } from '../../contract/config/expand.ts';
import type { EffectiveLimits } from '../../contract/config/limits.ts';
import type { EngineDeps } from '../types.ts';
import { planLimits } from './plan.ts';
import { checkRlimits } from './rlimits.ts';

/**
 * The limits of a machine as this host can hold it to them. Throws `limit_unenforceable` or
 * `host_lacks` for one that it cannot.
 */
export function checkLimits(
  deps: Pick<EngineDeps, 'ids' | 'runtime' | 'paths'>,
  name: string,
  expanded: Expanded,
): EffectiveLimits {
  const planned = planLimits(deps, expanded);
  deps.runtime.checkLimits(name, planned.limits, planned.keys);
  checkRlimits(deps, name, expanded.config);
  return planned;
}
