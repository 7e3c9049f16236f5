import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, WorkContext } from '../types.ts';
import { setFrozen } from './freeze.ts';
import { getInstance } from './list.ts';
import { statusOf } from './state.ts';

export interface UnfreezeInstanceInput {
  readonly name: string;
}

/** Thaws a frozen machine. Throws `wrong_state` unless it is frozen. */
export async function unfreezeInstance(
  deps: EngineDeps,
  { name }: UnfreezeInstanceInput,
  _context: WorkContext,
): Promise<void> {
  getInstance(deps, name);
  using _ = await deps.live.locks.act(name, 'unfreeze');
  const record = getInstance(deps, name);
  const state = statusOf(deps, record);
  if (state !== 'Frozen') {
    throw new WarrenError('wrong_state', {
      name,
      action: 'unfreeze',
      state: state.toLowerCase(),
      wanted: 'frozen',
    });
  }
  await deps.runtime.thaw(name);
  setFrozen(deps, record.id, false);
  deps.events.lifecycle({
    action: 'instance-resumed',
    subject: { kind: 'instance', name },
    context: {},
  });
}
