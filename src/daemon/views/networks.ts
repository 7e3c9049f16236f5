import { usersOfNetwork } from '../../engine/networks/list.ts';

import type { Network } from '../../contract/api/networks.ts';
import type { EngineDeps, NetworkRecord } from '../../engine/types.ts';

export function networkView(deps: EngineDeps, record: NetworkRecord): Network {
  const { name, description, config } = record;
  const { instances, profiles } = usersOfNetwork(deps, name);
  return {
    name,
    description,
    config,
    type: 'bridge',
    managed: true,
    status: 'Created',
    locations: ['none'],
    used_by: [
      ...instances.map((instance) => `/1.0/instances/${instance}`),
      ...profiles.map((profile) => `/1.0/profiles/${profile}`),
    ],
  };
}
