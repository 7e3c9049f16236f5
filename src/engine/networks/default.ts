import type { EngineDeps } from '../types.ts';
import { decideAddress } from './create.ts';

const defaultNetwork = 'warrenbr0';
const fact = 'network.default';

/**
 * The network that the default profile names, made once: who deletes it does not get it back. Only
 * the row: bringing the switch up is the caller's, and may fail on a host without /dev/net/tun.
 */
export async function ensureDefaultNetwork(deps: EngineDeps): Promise<void> {
  if (deps.store.facts.find(fact) !== undefined) return;
  const config = await decideAddress(deps, {});
  deps.store.transaction(() => {
    if (deps.store.networks.find(defaultNetwork) === undefined) {
      const description = 'Default network, made by warren';
      deps.store.networks.insert({ name: defaultNetwork, description, config });
    }
    deps.store.facts.set(fact, 'true');
  });
}
