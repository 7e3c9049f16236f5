import { isDeepStrictEqual } from 'node:util';

import type { DeviceMap } from '../../contract/api/instances.ts';
import type { Issue } from '../../contract/errors.ts';
import { expander, listInstances } from '../instances/list.ts';
import { isRunning } from '../instances/state.ts';
import type { EngineDeps, InstanceRecord, NetworkRecord } from '../types.ts';
import { planBridge } from './bridges.ts';
import { hwaddrOf, nicDevices } from './nics.ts';
import { type FixedAddress, fixedAddresses, keyOf } from './shared-addresses.ts';

interface HeldAddress extends FixedAddress {
  readonly bridge: NetworkRecord;
  /** Whose lease it is. */
  readonly hwaddr: string;
  /** The machine of that hardware address; a lease may be of one that only a guest knows. */
  readonly holder: InstanceRecord | undefined;
}

/**
 * An issue for each fixed address in a machine's expanded `devices` that another one was given by
 * DHCP and runs with: dnsmasq gives an address in a lease to nobody else and tells only its log.
 * Those that the machine has in `before` already are let through. `id` is its own, when it has one.
 */
export async function heldAddressIssues(
  deps: EngineDeps,
  devices: DeviceMap,
  id: number | undefined,
  before: DeviceMap = {},
): Promise<Issue[]> {
  const known = new Set(fixedAddresses(before).map(keyOf));
  const wanted = fixedAddresses(devices).filter((one) => !known.has(keyOf(one)));
  return (await findHeld(deps, wanted)).flatMap(({ device, address, holder }): Issue[] => {
    if (holder === undefined || holder.id === id || !isRunning(deps, holder)) return [];
    const problem = `${address} is in use by ${holder.name}, which DHCP gave it to, wanted a free one, or ${holder.name} stopped first`;
    return [{ path: `devices.${device}.ipv4.address`, problem }];
  });
}

/**
 * Before a machine starts: gives back the leases of others that hold its fixed addresses and need
 * them no more, so that it gets them, and answers whether there were any. `heldAddressIssues` has
 * refused those in use.
 */
export async function freeHeldAddresses(
  deps: EngineDeps,
  expanded: { readonly config: InstanceRecord['config']; readonly devices: DeviceMap },
): Promise<boolean> {
  const own = new Map(
    nicDevices(expanded.devices).map(([name, device]) => [
      name,
      hwaddrOf(expanded.config, name, device),
    ]),
  );
  const held = await findHeld(deps, fixedAddresses(expanded.devices));
  const others = held.filter(({ device, hwaddr }) => own.get(device) !== hwaddr);
  for (const { bridge, hwaddr } of others) {
    await deps.networks.releaseLease(planBridge(bridge, []), hwaddr);
  }
  return others.length > 0;
}

/**
 * After a change from the expanded devices `before` to `after`: whichever machine starts next, the
 * switch is told of a fixed address before, or DHCP would give it to that one.
 */
export function noteFixedAddresses(
  deps: Pick<EngineDeps, 'live'>,
  before: DeviceMap,
  after: DeviceMap,
): void {
  const isSame = isDeepStrictEqual(fixedAddresses(before), fixedAddresses(after));
  if (!isSame) deps.live.networkAsks.next();
}

/** Those of `wanted` that are in a lease which is nobody's by reservation. */
async function findHeld(deps: EngineDeps, wanted: readonly FixedAddress[]): Promise<HeldAddress[]> {
  const held: HeldAddress[] = [];
  for (const one of wanted) {
    const bridge = deps.store.networks.find(one.network);
    if (bridge === undefined) continue;
    const leases = await deps.networks.leases(planBridge(bridge, []));
    const lease = leases.find(({ type, address }) => type === 'dynamic' && address === one.address);
    if (lease === undefined) continue;
    const { hwaddr } = lease;
    held.push({ ...one, bridge, hwaddr, holder: machineOf(deps, hwaddr) });
  }
  return held;
}

function machineOf(deps: EngineDeps, hwaddr: string): InstanceRecord | undefined {
  const expandEach = expander(deps);
  return listInstances(deps).find((record) => {
    const { config, devices } = expandEach(record);
    return nicDevices(devices).some(([name, keys]) => hwaddrOf(config, name, keys) === hwaddr);
  });
}
