import { createHash } from 'node:crypto';

import { parseIpv4Subnet } from '../base/addresses.ts';

import { portOwner } from './ports.ts';
import {
  addAddress,
  bridgeLink,
  deleteAddress,
  deleteLink,
  listAddresses,
  parseAddresses,
} from './rtnetlink.ts';
import type { Switch } from './switch.ts';
import type { BridgeConfig } from './types.ts';

/** Makes the bridge or brings the one there is to its address, MTU and state. */
export function ensureBridge(net: Switch, bridge: BridgeConfig): void {
  const what = `set up ${bridge.name}`;
  net.request(what, bridgeLink(bridge.name, bridgeHwaddr(bridge.name), bridge.mtu));
  const index = net.findLink(bridge.name)?.index ?? 0;
  const wanted = bridge.ipv4 === undefined ? undefined : parseIpv4Subnet(bridge.ipv4);
  const present = parseAddresses(net.request(what, listAddresses()))
    .filter((address) => address.family === 'inet' && address.index === index)
    .map(({ prefix, bytes }) => ({ index, prefix, address: bytes.readUInt32BE(0) }));
  for (const old of present) {
    if (old.address === wanted?.address && old.prefix === wanted.prefix) continue;
    net.request(what, deleteAddress(old));
  }
  if (wanted !== undefined) {
    net.request(what, addAddress({ index, address: wanted.address, prefix: wanted.prefix }));
  }
}

/**
 * Removes bridges that are not in the list; what is neither port nor uplink nor loopback is one.
 */
export function removeOtherBridges(net: Switch, keep: readonly string[]): void {
  for (const link of net.links()) {
    const isLoopback = link.hardware === 772;
    const isTap = link.name.startsWith('tap');
    if (isLoopback || isTap || keep.includes(link.name) || portOwner(link) !== undefined) continue;
    net.request(`remove ${link.name}`, deleteLink(link.name));
  }
}

/**
 * An address that stays the same however often the bridge is made, so that machines need not learn
 * it anew. Without one a bridge takes that of a port, and changes it as ports come and go.
 */
export function bridgeHwaddr(name: string): string {
  const hash = createHash('sha256').update(name).digest('hex');
  return `00:16:3e:${hash.slice(0, 2)}:${hash.slice(2, 4)}:${hash.slice(4, 6)}`;
}
