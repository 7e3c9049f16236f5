import { usersOfNetwork } from '../../engine/networks/list.ts';
import { instanceUrl, profileUrl } from './urls.ts';

import type { InstanceStateNetwork } from '../../contract/api/instances.ts';
import type { Network, NetworkState } from '../../contract/api/networks.ts';
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
    used_by: [...instances.map((instance) => instanceUrl(instance)), ...profiles.map(profileUrl)],
  };
}

/** Of a bridge that the switch does not hold (yet): down, with nothing that is known of it. */
export function networkStateView(bridge: InstanceStateNetwork | undefined): NetworkState {
  if (bridge === undefined) {
    return { type: 'broadcast', state: 'down', hwaddr: '', mtu: 0, addresses: [], counters };
  }
  const { host_name: _, ...state } = bridge;
  return state;
}

const counters: NetworkState['counters'] = {
  bytes_received: 0,
  bytes_sent: 0,
  packets_received: 0,
  packets_sent: 0,
  errors_received: 0,
  errors_sent: 0,
  packets_dropped_inbound: 0,
  packets_dropped_outbound: 0,
};
