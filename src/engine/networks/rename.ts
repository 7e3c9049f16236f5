import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps } from '../types.ts';
import { applyNetworks } from './bridges.ts';
import { refuseUsed } from './delete.ts';
import { getNetwork } from './list.ts';
import { networkNameIssues } from './validate.ts';

/** Throws `in_use`, `exists`, `not_found`. */
export async function renameNetwork(
  deps: EngineDeps,
  name: string,
  newName: string,
): Promise<void> {
  const issues = networkNameIssues(newName);
  if (issues.length > 0)
    throw new WarrenError('invalid', { what: `rename network ${name}`, issues });
  deps.store.transaction(() => {
    const network = getNetwork(deps, name);
    refuseUsed(deps, name);
    deps.store.networks.rename(network.id, newName);
  });
  await applyNetworks(deps);
  deps.events.lifecycle({
    action: 'network-renamed',
    subject: { kind: 'network', name: newName },
    context: { old_name: name },
  });
}
