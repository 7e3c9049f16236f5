import { usersOfProfile } from '../../engine/profiles/list.ts';
import { instanceUrl } from './urls.ts';

import type { Profile } from '../../contract/api/profiles.ts';
import type { EngineDeps, ProfileRecord } from '../../engine/types.ts';

export function profileView(deps: EngineDeps, record: ProfileRecord): Profile {
  const { name, description, config, devices } = record;
  const users = usersOfProfile(deps, name).map((user) => instanceUrl(user));
  return { name, description, config, devices, used_by: users };
}
