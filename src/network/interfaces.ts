import { closeSync, openSync } from 'node:fs';

import { formatIpv4 } from '../base/addresses.ts';
import type { InstanceStateNetwork } from '../contract/api/instances.ts';
import { openRouteSocket, type NetlinkMessage } from '../sys/kernel/netlink.ts';
import type { NetnsThread } from '../sys/kernel/netns.ts';

import {
  listAddresses,
  listLinks,
  parseAddresses,
  parseLinks,
  type Address,
  type Link,
  type Request,
} from './rtnetlink.ts';

const IFF_UP = 1;
const IFF_LOOPBACK = 8;
const IFF_POINTOPOINT = 16;
const IFF_BROADCAST = 2;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_HOST = 254;

export interface NetnsContent {
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
}

/**
 * Most that is asked of a machine, whose root makes interfaces and addresses by the hundred
 * thousand.
 */
export const mostOfMachine = { links: 1000, addresses: 4000 };

/**
 * Interfaces and addresses in the network namespace of a file (`/proc/PID/ns/net`), asked of the
 * kernel itself: nothing that is mounted in the machine has a say. No more than `most` of them.
 */
export async function readNetns(
  file: string,
  thread: NetnsThread,
  most = { links: Infinity, addresses: Infinity },
): Promise<NetnsContent> {
  const fd = openSync(file, 'r');
  const ask = async (what: string, request: Request, atMost: number): Promise<NetlinkMessage[]> => {
    using route = openRouteSocket(await thread.openSocket(fd, 'route'));
    return route.request(what, request, atMost);
  };
  try {
    return {
      links: parseLinks(await ask('list interfaces', listLinks(), most.links)),
      addresses: parseAddresses(await ask('list addresses', listAddresses(), most.addresses)),
    };
  } finally {
    closeSync(fd);
  }
}

/** As `state` shows them; `hostName` tells the switch's end by the index of the machine's. */
export function describeInterfaces(
  { links, addresses }: NetnsContent,
  hostName: (link: Link) => string,
): Record<string, InstanceStateNetwork> {
  const byIndex = new Map<number, Address[]>(links.map(({ index }) => [index, []]));
  for (const address of addresses) byIndex.get(address.index)?.push(address);
  return Object.fromEntries(
    links.map((link) => [link.name, describe(link, byIndex.get(link.index) ?? [], hostName)]),
  );
}

function describe(
  link: Link,
  addresses: readonly Address[],
  hostName: (link: Link) => string,
): InstanceStateNetwork {
  const [packetsIn = 0, packetsOut = 0, bytesIn = 0, bytesOut = 0, ...rest] = link.stats;
  const [errorsIn = 0, errorsOut = 0, droppedIn = 0, droppedOut = 0] = rest;
  return {
    type: typeOf(link.flags),
    state: (link.flags & IFF_UP) === 0 ? 'down' : 'up',
    hwaddr: (link.flags & IFF_LOOPBACK) === 0 ? link.hwaddr : '',
    host_name: hostName(link),
    mtu: link.mtu,
    addresses: addresses.map((address) => ({
      family: address.family,
      address: formatAddress(address),
      netmask: `${address.prefix}`,
      scope: scopeOf(address.scope),
    })),
    counters: {
      bytes_received: bytesIn,
      bytes_sent: bytesOut,
      packets_received: packetsIn,
      packets_sent: packetsOut,
      errors_received: errorsIn,
      errors_sent: errorsOut,
      packets_dropped_inbound: droppedIn,
      packets_dropped_outbound: droppedOut,
    },
  };
}

export function formatAddress({ family, bytes }: Address): string {
  if (family === 'inet') return formatIpv4(bytes.readUInt32BE(0));
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2).toString(16));
  // The URL parser shortens runs of zeros as RFC 5952 wants it.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

function typeOf(flags: number): InstanceStateNetwork['type'] {
  if ((flags & IFF_LOOPBACK) !== 0) return 'loopback';
  if ((flags & IFF_POINTOPOINT) !== 0) return 'point-to-point';
  return (flags & IFF_BROADCAST) === 0 ? 'unknown' : 'broadcast';
}

function scopeOf(scope: number): 'global' | 'link' | 'local' {
  if (scope === RT_SCOPE_HOST) return 'local';
  return scope === RT_SCOPE_LINK ? 'link' : 'global';
}
