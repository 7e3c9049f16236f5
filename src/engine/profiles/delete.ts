import { nameWithout } from '../../base/names.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps } from '../types.ts';
import { getProfile, usersOfProfile } from './list.ts';

/** Throws `in_use`, `forbidden` for `default`. */
export function deleteProfile(deps: EngineDeps, name: string): void {
  if (nameWithout(name) === 'default') {
    throw new WarrenError('forbidden', {
      what: 'delete profile default',
      why: 'it is always there',
    });
  }
  deps.store.reclaim(() => {
    const profile = getProfile(deps, name);
    const users = usersOfProfile(deps, name);
    if (users.length > 0) throw new WarrenError('in_use', { kind: 'profile', name, users });
    deps.store.profiles.delete(profile.id);
  });
  deps.events.lifecycle({
    action: 'profile-deleted',
    subject: { kind: 'profile', name },
    context: {},
  });
}
