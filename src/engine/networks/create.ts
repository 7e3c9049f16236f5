import { Revert } from '../../base/revert.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { dropEmpty } from '../../contract/config/validate.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, NetworkRecord } from '../types.ts';
import { applyNetworks } from './bridges.ts';
import { getNetwork } from './list.ts';
import { chooseSubnet } from './subnets.ts';
import { checkNetwork } from './validate.ts';

export interface CreateNetworkInput {
  readonly name: string;
  readonly description: string;
  /** `ipv4.address` absent or `auto`: a free subnet is chosen. */
  readonly config: StringMap;
}

/** Makes a bridge and brings it up. Throws `exists`, `invalid`. */
export async function createNetwork(
  deps: EngineDeps,
  input: CreateNetworkInput,
): Promise<NetworkRecord> {
  const { name, description } = input;
  const config = dropEmpty(input.config);
  checkNetwork('create the network', name, config, deps.store.networks.list());
  refuseMore(deps);
  await using undo = new Revert((what, error) => {
    deps.log.warn(
      { err: error, network: name, what },
      'a failed creation was not undone completely',
    );
  });
  const decided = await decideAddress(deps, config);
  const network = deps.store.transaction(() => {
    refuseMore(deps);
    return deps.store.networks.insert({ name, description, config: decided });
  });
  undo.push('remove the network', async () => {
    deps.store.reclaim(() => {
      deps.store.networks.delete(network.id);
    });
    await applyNetworks(deps);
  });
  await applyNetworks(deps);
  undo.keep();
  deps.events.lifecycle({
    action: 'network-created',
    subject: { kind: 'network', name },
    context: {},
  });
  return getNetwork(deps, name);
}

/** Throws `forbidden` for more networks than `limits.networks` of their project allow. */
function refuseMore({ store }: EngineDeps): void {
  const limit = store.projects.find('default')?.config['limits.networks'];
  if (limit === undefined || store.networks.list().length < Number(limit)) return;
  throw new WarrenError('forbidden', {
    what: 'create the network',
    why: `limits.networks=${limit} of the project default, which has all networks, is reached`,
  });
}

/** The config with `auto` replaced by addresses, as LXD stores it. */
export async function decideAddress(
  deps: Pick<EngineDeps, 'store'>,
  config: StringMap,
): Promise<StringMap> {
  const address = config['ipv4.address'] ?? 'auto';
  const withAddress =
    address === 'auto' ? { ...config, 'ipv4.address': await chooseSubnet(deps) } : config;
  return { 'ipv4.nat': 'true', ...withAddress };
}
