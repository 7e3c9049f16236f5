import { ownNameOf, projectOf } from '../../base/names.ts';
import { WarrenError } from '../../contract/errors.ts';
import { checkProjectLimits } from '../projects/limits.ts';
import type { EngineDeps, WorkContext } from '../types.ts';
import { expandInstance, getInstance } from './list.ts';
import { checkInstanceName } from './names.ts';
import { isRunning } from './state.ts';

export interface RenameInstanceInput {
  readonly name: string;
  readonly newName: string;
}

/** Renames a stopped machine, also into another project; its host name follows at the next start. */
export async function renameInstance(
  deps: EngineDeps,
  { name, newName }: RenameInstanceInput,
  _context: WorkContext,
): Promise<void> {
  checkInstanceName(`rename ${name}`, newName);
  getInstance(deps, name);
  if (name === newName) throw new WarrenError('exists', { kind: 'instance', name });
  using _ = await deps.live.locks.act(name, 'rename');
  using _other = await deps.live.locks.act(newName, 'rename');
  const record = getInstance(deps, name);
  if (isRunning(deps, record) || record.run !== undefined) {
    throw new WarrenError('wrong_state', {
      name,
      action: 'rename',
      state: 'running',
      wanted: 'stopped',
    });
  }
  if (projectOf(newName) !== projectOf(name)) {
    const planned = { machine: newName, record: undefined, expanded: expandInstance(deps, record) };
    checkProjectLimits(deps, `move ${name}`, [planned]);
  }
  const trigger = record.config['volatile.apply_template'] ?? 'rename';
  deps.store.transaction(() => {
    deps.store.instances.rename(record.id, newName);
    deps.store.instances.mergeConfig(record.id, { 'volatile.apply_template': trigger });
    deps.store.warnings.deleteOf(`instance ${name}`);
  });
  deps.events.lifecycle({
    action: 'instance-renamed',
    subject: { kind: 'instance', name: newName },
    context: {
      old_name: ownNameOf(name),
      ...(projectOf(newName) === projectOf(name) ? {} : { old_project: projectOf(name) }),
    },
  });
}
