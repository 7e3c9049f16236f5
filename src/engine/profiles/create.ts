import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import { dropEmpty } from '../../contract/config/validate.ts';
import { dropEmptyKeys } from '../instances/devices.ts';
import type { EngineDeps, ProfileRecord } from '../types.ts';
import { checkProfile } from './validate.ts';

export interface CreateProfileInput {
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
  readonly devices: DeviceMap;
}

/** Throws `exists`, `invalid`. */
export function createProfile(deps: EngineDeps, input: CreateProfileInput): ProfileRecord {
  const profile = {
    ...input,
    config: dropEmpty(input.config),
    devices: dropEmptyKeys(input.devices),
  };
  checkProfile(deps, 'create the profile', profile);
  const created = deps.store.transaction(() => deps.store.profiles.insert(profile));
  deps.events.lifecycle({
    action: 'profile-created',
    subject: { kind: 'profile', name: created.name },
    context: {},
  });
  return created;
}
