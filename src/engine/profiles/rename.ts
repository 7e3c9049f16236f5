import { nameWithout } from '../../base/names.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps } from '../types.ts';
import { getProfile } from './list.ts';
import { nameIssues } from './validate.ts';

/** `default` keeps its name: `forbidden`. Throws `exists`, `not_found`. */
export function renameProfile(deps: EngineDeps, name: string, newName: string): void {
  if (nameWithout(name) === 'default') {
    throw new WarrenError('forbidden', {
      what: 'rename profile default',
      why: 'it is always there',
    });
  }
  const issues = nameIssues(nameWithout(newName));
  if (issues.length > 0)
    throw new WarrenError('invalid', { what: `rename profile ${name}`, issues });
  deps.store.transaction(() => {
    deps.store.profiles.rename(getProfile(deps, name).id, newName);
  });
  deps.events.lifecycle({
    action: 'profile-renamed',
    subject: { kind: 'profile', name: newName },
    context: { old_name: nameWithout(name) },
  });
}
