import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, WorkContext } from '../types.ts';
import { checkLimits } from './check-limits.ts';
import { expandInstance, getInstance } from './list.ts';
import { checkWishedIds } from './other-ids.ts';
import { startLocked } from './start.ts';
import { isRunning } from './state.ts';
import { stopLocked } from './stop.ts';
import { checkInstance, refuseHeldAddresses } from './validate.ts';

export interface RestartInstanceInput {
  readonly name: string;
  readonly force: boolean;
  readonly timeoutMs: number | undefined;
}

/**
 * Stops and starts a machine under one lock; an ephemeral machine survives it. What can be known to keep
 * it from starting again (a policy, a limit, ids or addresses that cannot be had) is thrown before it is stopped.
 */
export async function restartInstance(
  deps: EngineDeps,
  input: RestartInstanceInput,
  context: WorkContext,
): Promise<void> {
  const { name } = input;
  getInstance(deps, name);
  using _ = await deps.live.locks.act(name, 'restart');
  const record = getInstance(deps, name);
  if (!isRunning(deps, record)) {
    throw new WarrenError('wrong_state', {
      name,
      action: 'restart',
      state: 'stopped',
      wanted: 'running',
      hint: `warren start ${name}`,
    });
  }
  // What it waits for may be had no more, or a policy forbids it by now: then it goes on as it is.
  const what = `restart ${name}`;
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
  await stopLocked(deps, record, input, context);
  await startLocked(deps, name, context);
  deps.events.lifecycle({
    action: 'instance-restarted',
    subject: { kind: 'instance', name },
    context: {},
  });
}
