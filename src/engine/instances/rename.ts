import { ownNameOf, projectOf } from '../../base/names.ts';
import { WarrenError } from '../../contract/errors.ts';
import { missingHwaddrs } from '../networks/nics.ts';
import { checkPolicy } from '../policy/policy.ts';
import { sameProfilesFor } from '../projects/features.ts';
import { checkProjectLimits } from '../projects/limits.ts';
import type { EngineDeps, InstanceRecord, WorkContext } from '../types.ts';
import { expander, expandInstance, getInstance } from './list.ts';
import { checkInstanceName } from './names.ts';
import { isRunning } from './state.ts';
import { instanceIssues, refuseIssues } from './validate.ts';

export interface RenameInstanceInput {
  readonly name: string;
  readonly newName: string;
}

/**
 * Renames a stopped machine, also into another project; its host name follows at the next start.
 */
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
  const changesProject = projectOf(newName) !== projectOf(name);
  if (isRunning(deps, record) || record.run !== undefined) {
    throw new WarrenError('wrong_state', {
      name,
      action: changesProject ? 'move' : 'rename',
      state: 'running',
      wanted: 'stopped',
    });
  }
  const profiles = sameProfilesFor(deps, newName, record.profiles);
  const moved = { ...record, profiles };
  if (changesProject) checkMove(deps, record, newName, moved);
  const trigger = record.config['volatile.apply_template'] ?? 'rename';
  deps.store.transaction(() => {
    deps.store.instances.rename(record.id, newName);
    deps.store.instances.setSettings(record.id, moved);
    deps.store.instances.mergeConfig(record.id, missingHwaddrs(expandInstance(deps, moved)));
    deps.store.instances.mergeConfig(record.id, { 'volatile.apply_template': trigger });
    deps.store.warnings.deleteOf(`instance ${name}`);
  });
  deps.events.lifecycle({
    action: 'instance-renamed',
    subject: { kind: 'instance', name: newName },
    context: {
      old_name: ownNameOf(name),
      ...(changesProject ? { old_project: projectOf(name) } : {}),
    },
  });
}

/**
 * Profiles and volumes of the same names may be something else where the other project has its own,
 * or not be there.
 */
function checkMove(
  deps: EngineDeps,
  record: InstanceRecord,
  newName: string,
  moved: InstanceRecord,
): void {
  const what = `move ${record.name}`;
  const expanded = expandInstance(deps, moved);
  refuseIssues(what, instanceIssues(deps, newName, moved));
  if (moved.profiles.join() !== record.profiles.join()) {
    const judged = { own: moved.config, expanded, current: record };
    checkPolicy(deps, what, judged, expander(deps), 'change');
  }
  checkProjectLimits(deps, what, [{ machine: newName, record: undefined, expanded }]);
}
