import type { Expanded } from '../../contract/config/expand.ts';
import type { EngineDeps } from '../types.ts';
import { planLimits } from './plan.ts';
import { checkRlimits } from './rlimits.ts';

/** Throws `limit_unenforceable` or `host_lacks` for a limit of a machine that this host cannot hold it to. */
export function checkLimits(
  deps: Pick<EngineDeps, 'ids' | 'runtime' | 'paths'>,
  name: string,
  expanded: Expanded,
): void {
  const { limits, keys } = planLimits(deps, expanded);
  deps.runtime.checkLimits(name, limits, keys);
  checkRlimits(deps, name, expanded.config);
}
