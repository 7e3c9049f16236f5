import { usersOfProfile } from '../../engine/profiles/list.ts';
import { nameWithout } from '../../base/names.ts';
import { instanceUrl } from './urls.ts';

import type { Profile } from '../../contract/api/profiles.ts';
import type { EngineDeps, ProfileRecord } from '../../engine/types.ts';

export function profileView(deps: EngineDeps, record: ProfileRecord): Profile {
  const { description, config, devices } = record;
  const users = usersOfProfile(deps, record.name).map((user) => instanceUrl(user));
  return { name: nameWithout(record.name), description, config, devices, used_by: users };
}
