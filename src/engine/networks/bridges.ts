import { formatIpv4, parseIpv4Subnet } from '../../base/addresses.ts';
import type { DeviceMap } from '../../contract/api/instances.ts';
import { parseBool } from '../../contract/config/values.ts';
import type { BridgeConfig } from '../../network/types.ts';
import { expandInstance } from '../instances/list.ts';
import type { EngineDeps, NetworkRecord } from '../types.ts';
import { hwaddrOf, networkOfNic, nicDevices } from './nics.ts';

/** What the switch must be told of a network; `ipv4.address` is decided already (no `auto`). */
export function planBridge(
  network: NetworkRecord,
  reservations: BridgeConfig['reservations'],
): BridgeConfig {
  const { config } = network;
  const address = config['ipv4.address'] ?? 'none';
  const subnet = address === 'none' ? undefined : parseIpv4Subnet(address);
  const dhcp = subnet !== undefined && parseBool(config['ipv4.dhcp'] ?? '') !== false;
  const ranges = config['ipv4.dhcp.ranges'] ?? '';
  return {
    name: network.name,
    ipv4: subnet === undefined ? undefined : address,
    nat: subnet !== undefined && parseBool(config['ipv4.nat'] ?? '') !== false,
    dhcp,
    dhcpRange: !dhcp ? undefined : ranges !== '' ? ranges : wholeRange(address),
    leaseTime: filled(config['ipv4.dhcp.expiry']) ?? '1h',
    domain: filled(config['dns.domain']) ?? 'warren',
    mtu: Number(filled(config['bridge.mtu']) ?? '1500'),
    reservations,
  };
}

/** Every address of a subnet but the network's, the gateway's and the broadcast address. */
function wholeRange(address: string): string | undefined {
  const subnet = parseIpv4Subnet(address);
  if (subnet === undefined) return undefined;
  const first = subnet.first + 1;
  const last = subnet.last - 1;
  const below = { from: first, to: subnet.address - 1 };
  const above = { from: subnet.address + 1, to: last };
  // One range: the larger side of the gateway.
  const { from, to } = above.to - above.from >= below.to - below.from ? above : below;
  return from > to ? undefined : `${formatIpv4(from)}-${formatIpv4(to)}`;
}

/** All bridges as they should be, with the machines that are on them. */
export function planBridges(deps: Pick<EngineDeps, 'store' | 'policy'>): BridgeConfig[] {
  const byNetwork = new Map<string, BridgeConfig['reservations'][number][]>();
  for (const record of deps.store.instances.list()) {
    // Its lease is given back by now, or about to be.
    if (record.phase === 'deleting') continue;
    const expanded = expandInstance(deps, record);
    for (const [name, device] of nicDevices(expanded.devices)) {
      const network = networkOfNic(device);
      const hwaddr = hwaddrOf(expanded.config, name, device);
      if (network === undefined || hwaddr === undefined) continue;
      const reservations = byNetwork.get(network) ?? [];
      byNetwork.set(network, reservations);
      const address = filled(device['ipv4.address']);
      reservations.push({ instance: record.name, hwaddr, address });
    }
  }
  return deps.store.networks
    .list()
    .map((network) => planBridge(network, byNetwork.get(network.name) ?? []));
}

/**
 * Brings the switch to what the database says. Several who want it at the same time share one run
 * that begins after all of them asked.
 */
export async function applyNetworks(deps: EngineDeps): Promise<void> {
  const asked = deps.live.networkAsks.next();
  using _ = await deps.live.networks.hold();
  if (deps.live.networkAsks.isDone(asked)) return;
  const upTo = deps.live.networkAsks.latest();
  await deps.networks.apply(planBridges(deps));
  deps.live.networkAsks.done(upTo);
}

/**
 * Before a machine starts: the switch is up. What the switch must know of the machine comes with
 * its interfaces, but for a fixed address, which another one may have given up since.
 */
export async function ensureNetworks(
  deps: EngineDeps,
  expanded: { readonly devices: DeviceMap },
): Promise<void> {
  const nics = nicDevices(expanded.devices);
  const isFixed = nics.some(([, device]) => filled(device['ipv4.address']) !== undefined);
  if (nics.length === 0 || (deps.live.networkAsks.isSettled() && !isFixed)) return;
  await applyNetworks(deps);
}

function filled(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
