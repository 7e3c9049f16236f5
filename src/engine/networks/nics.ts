import { randomBytes } from 'node:crypto';

import { formatIpv4, parseIpv4, parseIpv4Subnet } from '../../base/addresses.ts';
import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import { visibleDevices } from '../../contract/config/expand.ts';
import { parseBool } from '../../contract/config/values.ts';
import type { NicSpec } from '../../network/types.ts';
import type { NetworkRecord } from '../types.ts';

/** The managed network of a nic device, in either of LXD's spellings. */
export function networkOfNic(device: StringMap): string | undefined {
  const network = device['network'] ?? '';
  const parent = device['parent'] ?? '';
  if (network !== '') return network;
  return parent === '' ? undefined : parent;
}

/** The nic devices of an expanded set, with their device names. */
export function nicDevices(devices: DeviceMap): [name: string, device: StringMap][] {
  return Object.entries(visibleDevices(devices)).filter(([, device]) => device['type'] === 'nic');
}

/** Why a machine on `network` cannot have a fixed address; undefined when it can. */
export function fixedAddressProblem(network: NetworkRecord, text: string): string | undefined {
  const subnet = parseIpv4Subnet(network.config['ipv4.address'] ?? '');
  if (subnet === undefined) return `network ${network.name} has no IPv4 addresses`;
  const address = parseIpv4(text) ?? 0;
  const { first, last } = subnet;
  const gateway = subnet.address;
  const ranges = [
    [first + 1, Math.min(gateway, last) - 1],
    [Math.max(gateway, first) + 1, last - 1],
  ] as const;
  const range = `wanted one of ${ranges
    .filter(([from, to]) => from <= to)
    .map(([from, to]) => (from === to ? formatIpv4(from) : `${formatIpv4(from)}-${formatIpv4(to)}`))
    .join(', ')}`;
  if (address <= first || address >= last)
    return `${text} is not in network ${network.name}, ${range}`;
  if (address === gateway) return `${text} is the gateway of network ${network.name}, ${range}`;
  return undefined;
}

/** An address in the range that LXD and Xen use, which no vendor has. */
function randomHwaddr(): string {
  const tail = [...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0'));
  return ['00', '16', '3e', ...tail].join(':');
}

/** `volatile.eth0.hwaddr` and the like that an expanded machine still lacks. */
export function missingHwaddrs(expanded: {
  readonly config: StringMap;
  readonly devices: DeviceMap;
}): StringMap {
  return Object.fromEntries(
    nicDevices(expanded.devices)
      .filter(([name, device]) => hwaddrOf(expanded.config, name, device) === undefined)
      .map(([name]) => [`volatile.${name}.hwaddr`, randomHwaddr()]),
  );
}

/** The keys of hardware addresses in a machine's own config whose nics are gone. */
export function staleHwaddrs(config: StringMap, devices: DeviceMap): readonly string[] {
  const kept = new Set(nicDevices(devices).map(([name]) => `volatile.${name}.hwaddr`));
  return Object.keys(config).filter((key) => /^volatile\..+\.hwaddr$/.test(key) && !kept.has(key));
}

/**
 * The hardware address of a nic, its own or the one chosen for it, in lower case; undefined before
 * that.
 */
export function hwaddrOf(config: StringMap, name: string, device: StringMap): string | undefined {
  const own = device['hwaddr'] ?? '';
  return (own === '' ? config[`volatile.${name}.hwaddr`] : own)?.toLowerCase();
}

/** What the switch must be told of a machine's nics; every one has its hardware address already. */
export function planNics(
  instance: string,
  expanded: { readonly config: StringMap; readonly devices: DeviceMap },
): NicSpec[] {
  return nicDevices(expanded.devices).flatMap(([device, keys]): NicSpec[] => {
    const bridge = networkOfNic(keys);
    const hwaddr = hwaddrOf(expanded.config, device, keys);
    if (bridge === undefined || hwaddr === undefined) return [];
    const mtu = keys['mtu'] ?? '';
    const name = keys['name'] ?? '';
    const address = keys['ipv4.address'] ?? '';
    const isSet = (key: string): boolean => parseBool(keys[key] ?? '') === true;
    const byAddress = isSet('security.ipv4_filtering');
    return [
      {
        instance,
        device,
        name: name === '' ? device : name,
        bridge,
        hwaddr,
        mtu: mtu === '' ? undefined : Number(mtu),
        ...(byAddress || isSet('security.mac_filtering')
          ? { filter: { ipv4: byAddress && address !== '' ? address : undefined } }
          : {}),
        isolated: isSet('security.port_isolation'),
      },
    ];
  });
}
