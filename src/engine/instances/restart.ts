import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, WorkContext } from '../types.ts';
import { checkStartable } from './check-startable.ts';
import { getInstance } from './list.ts';
import { startLocked } from './start.ts';
import { isRunning } from './state.ts';
import { stopLocked } from './stop.ts';

export interface RestartInstanceInput {
  readonly name: string;
  readonly force: boolean;
  readonly timeoutMs: number | undefined;
}

/**
 * Stops and starts a machine under one lock; an ephemeral machine survives it. What can be known to
 * keep it from starting again is thrown before it is stopped.
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
  await checkStartable(deps, `restart ${name}`, record);
  await stopLocked(deps, record, input, context);
  await startLocked(deps, name, context);
  deps.events.lifecycle({
    action: 'instance-restarted',
    subject: { kind: 'instance', name },
    context: {},
  });
}
