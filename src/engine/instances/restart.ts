import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, WorkContext } from '../types.ts';
import { expandInstance, getInstance } from './list.ts';
import { checkWishedIds } from './other-ids.ts';
import { startLocked } from './start.ts';
import { isRunning } from './state.ts';
import { stopLocked } from './stop.ts';

export interface RestartInstanceInput {
  readonly name: string;
  readonly force: boolean;
  readonly timeoutMs: number | undefined;
}

/**
 * Stops and starts a machine under one lock; an ephemeral machine survives it. Throws `host_lacks`, and does
 * not stop it, when the other ids that it is to have cannot be had.
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
  // Others may have taken what it is waiting for: then it goes on as it is.
  checkWishedIds(deps, record, expandInstance(deps, record).config);
  await stopLocked(deps, record, input, context);
  await startLocked(deps, name, context);
  deps.events.lifecycle({
    action: 'instance-restarted',
    subject: { kind: 'instance', name },
    context: {},
  });
}
