import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, WorkContext } from '../types.ts';
import { getInstance } from './list.ts';
import { statusOf } from './state.ts';

export interface FreezeInstanceInput {
  readonly name: string;
}

const freezeTimeoutMs = 10_000;

/** Freezes every process of a running machine. Throws `wrong_state` unless it runs. */
export async function freezeInstance(
  deps: EngineDeps,
  { name }: FreezeInstanceInput,
  _context: WorkContext,
): Promise<void> {
  getInstance(deps, name);
  using _ = await deps.live.locks.act(name, 'freeze');
  const record = getInstance(deps, name);
  const state = statusOf(deps, record);
  if (state !== 'Running') {
    throw new WarrenError('wrong_state', {
      name,
      action: 'freeze',
      state: state.toLowerCase(),
      wanted: 'running',
    });
  }
  // Recorded first: recovery thaws what is frozen without being meant to.
  setFrozen(deps, record.id, true);
  try {
    await deps.runtime.freeze(name, freezeTimeoutMs);
  } catch (error) {
    setFrozen(deps, record.id, false);
    throw error;
  }
  deps.events.lifecycle({
    action: 'instance-paused',
    subject: { kind: 'instance', name },
    context: {},
  });
}

/** In memory and, so that it survives this daemon, in the database. */
export function setFrozen(deps: EngineDeps, id: number, frozen: boolean): void {
  deps.store.transaction(() => {
    deps.store.instances.mergeConfig(id, { 'volatile.frozen': frozen ? 'true' : undefined });
  });
  const machine = deps.live.find(id);
  if (machine !== undefined) machine.frozen = frozen;
}
