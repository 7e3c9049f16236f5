import type { EngineDeps, InstanceRecord } from '../types.ts';
import { checkLimits } from './check-limits.ts';
import { expandInstance } from './list.ts';
import { checkWishedIds } from './other-ids.ts';
import { checkInstance, refuseHeldAddresses } from './validate.ts';

/**
 * For who stops a machine and starts it again: throws what can be known to keep it from starting (a
 * policy, a limit, ids or addresses that cannot be had), so that it goes on as it is. `what` is
 * such as `restart web`.
 */
export async function checkStartable(
  deps: EngineDeps,
  what: string,
  record: InstanceRecord,
): Promise<void> {
  const { name } = record;
  const expanded = expandInstance(deps, record);
  checkInstance(deps, what, {
    machine: name,
    settings: record,
    current: record,
    moment: 'start',
  });
  checkLimits(deps, name, expanded);
  checkWishedIds(deps, record, expanded.config);
  await refuseHeldAddresses(deps, what, expanded.devices, record.id);
}
