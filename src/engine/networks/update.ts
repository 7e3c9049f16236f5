import { Revert } from '../../base/revert.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { dropEmpty } from '../../contract/config/validate.ts';
import type { EngineDeps, NetworkRecord } from '../types.ts';
import { applyNetworks } from './bridges.ts';
import { decideAddress } from './create.ts';
import { getNetwork } from './list.ts';
import { checkNetwork } from './validate.ts';

/** What is undefined stays; an empty value removes a key. */
export interface UpdateNetworkInput {
  readonly name: string;
  readonly description?: string | undefined;
  readonly config?: StringMap | undefined;
  readonly check?: ((current: NetworkRecord) => void) | undefined;
}

/** Stores it and brings the switch to it; a failure puts the old values back. */
export async function updateNetwork(
  deps: EngineDeps,
  input: UpdateNetworkInput,
): Promise<NetworkRecord> {
  const { name } = input;
  const current = getNetwork(deps, name);
  input.check?.(current);
  const config =
    input.config === undefined
      ? current.config
      : await decideAddress(deps, dropEmpty(input.config));
  const others = deps.store.networks.list().filter(({ id }) => id !== current.id);
  checkNetwork(`change network ${name}`, name, config, others);
  const put = (network: Pick<NetworkRecord, 'description' | 'config'>): void => {
    deps.store.transaction(() => {
      deps.store.networks.set(current.id, network);
    });
  };
  await using undo = new Revert((what, error) => {
    deps.log.warn({ err: error, network: name, what }, 'a failed change was not undone completely');
  });
  undo.push('put the old values back', async () => {
    put(current);
    await applyNetworks(deps);
  });
  put({ description: input.description ?? current.description, config });
  await applyNetworks(deps);
  undo.keep();
  deps.events.lifecycle({
    action: 'network-updated',
    subject: { kind: 'network', name },
    context: {},
  });
  return getNetwork(deps, name);
}
