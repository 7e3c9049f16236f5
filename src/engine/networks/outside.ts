import { expandInstance, getInstance } from '../instances/list.ts';
import type { EngineDeps } from '../types.ts';
import { planBridge } from './bridges.ts';
import { planNics } from './nics.ts';

/**
 * Why a machine that should reach the world outside does not, as a sentence; undefined otherwise.
 */
export function whyNothingOutside(deps: EngineDeps, name: string): string | undefined {
  const { uplink, why } = deps.networks.report;
  if (uplink !== 'none') return undefined;
  const isMeantTo = planNics(name, expandInstance(deps, getInstance(deps, name))).some((nic) => {
    const network = deps.store.networks.find(nic.bridge);
    if (network === undefined) return false;
    const { ipv4, nat } = planBridge(network, []);
    return ipv4 !== undefined && nat;
  });
  return isMeantTo ? `${name} reaches nothing outside: ${why}` : undefined;
}
