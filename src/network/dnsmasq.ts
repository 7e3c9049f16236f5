import type { Issue } from '../contract/errors.ts';
import type { NetworkLease } from '../contract/api/networks.ts';
import { formatIpv4, isMacAddress, parseIpv4, parseIpv4Subnet } from '../base/addresses.ts';
import { isMachineName } from '../base/names.ts';
import { WarrenError } from '../contract/errors.ts';

import type { Places } from './places.ts';
import type { BridgeConfig } from './types.ts';

/** A machine's place in DNS and, when it asked for one, its fixed address. */
export type Reservation = BridgeConfig['reservations'][number];

export function hostsFile(places: Places, bridge: string): string {
  return `${places.runDir}/${bridge}.hosts`;
}

export function leaseFile(places: Places, bridge: string): string {
  return `${places.leaseDir}/${bridge}.leases`;
}

/** What dnsmasq says, much of it in answer to packets of machines. */
export function logFile(places: Places, bridge: string): string {
  return `${places.logDir}/dnsmasq-${bridge}.log`;
}

/**
 * dnsmasq's command line (man 8 dnsmasq). All of its configuration is here, so that a daemon that
 * finds one running can tell by its arguments whether it is the right one. Only reservations give
 * names (`--dhcp-ignore-names`): a machine cannot call itself like another one. `--no-ping`: the
 * check for a free address holds up all other leases for three seconds.
 */
export function dnsmasqArgs(
  bridge: BridgeConfig,
  places: Places,
  dnsServer: string | undefined,
): string[] {
  const subnet = parseIpv4Subnet(bridge.ipv4 ?? '');
  if (subnet === undefined) throw new Error(`${bridge.name} has no address to serve on`);
  const gateway = formatIpv4(subnet.address);
  return [
    '--conf-file=/dev/null',
    '--pid-file',
    '--user=root',
    '--group=root',
    '--no-hosts',
    '--no-resolv',
    '--no-ping',
    '--bind-interfaces',
    '--except-interface=lo',
    `--interface=${bridge.name}`,
    `--listen-address=${gateway}`,
    `--log-facility=${logFile(places, bridge.name)}`,
    ...(dnsServer === undefined ? [] : [`--server=${dnsServer}`]),
    '--bogus-priv',
    '--domain-needed',
    '--cache-size=1000',
    `--domain=${bridge.domain}`,
    `--local=/${bridge.domain}/`,
    `--host-record=gateway.${bridge.domain},${gateway}`,
    ...(bridge.dhcp ? dhcpArgs(bridge, places, subnet) : [`--no-dhcp-interface=${bridge.name}`]),
  ];
}

function dhcpArgs(
  bridge: BridgeConfig,
  places: Places,
  subnet: { readonly prefix: number; readonly first: number; readonly last: number },
): string[] {
  const netmask = formatIpv4((2 ** 32 - 2 ** (32 - subnet.prefix)) >>> 0);
  const ranges = (
    bridge.dhcpRange ?? `${formatIpv4(subnet.first + 1)}-${formatIpv4(subnet.last - 1)}`
  )
    .split(',')
    .map((range) => range.trim().replace('-', ','));
  return [
    '--dhcp-authoritative',
    '--dhcp-ignore-names',
    '--dhcp-no-override',
    '--quiet-dhcp',
    '--dhcp-lease-max=65536',
    `--dhcp-leasefile=${leaseFile(places, bridge.name)}`,
    `--dhcp-hostsfile=${hostsFile(places, bridge.name)}`,
    `--dhcp-option-force=option:mtu,${bridge.mtu}`,
    ...ranges.map((range) => `--dhcp-range=${range},${netmask},${bridge.leaseTime}`),
  ];
}

/**
 * Lines for `--dhcp-hostsfile`, sorted. Each value is checked, since a line break would be a line
 * of its own.
 */
export function formatHosts(reservations: readonly Reservation[]): string {
  const issues: Issue[] = [];
  const lines = reservations.map(({ instance, hwaddr, address }) => {
    if (!isMachineName(instance)) {
      issues.push({
        path: 'reservation',
        problem: `${JSON.stringify(instance)} is no instance name`,
      });
    }
    if (!isMacAddress(hwaddr)) {
      issues.push({ path: instance, problem: `${JSON.stringify(hwaddr)} is no hardware address` });
    }
    if (address !== undefined && parseIpv4(address) === undefined) {
      issues.push({ path: instance, problem: `${JSON.stringify(address)} is no IPv4 address` });
    }
    return `${hwaddr.toLowerCase()},${address === undefined ? '' : `${address},`}${instance}\n`;
  });
  if (issues.length > 0) throw new WarrenError('invalid', { what: 'reserve addresses', issues });
  return lines.sort().join('');
}

/** One line of dnsmasq's lease file. */
export interface LeaseLine {
  readonly hwaddr: string;
  readonly address: string;
  /** Empty when dnsmasq knows none. */
  readonly hostname: string;
}

/** `EXPIRY MAC ADDRESS NAME CLIENT-ID`; other lines (`duid`, DHCPv6) are left out. */
export function parseLeases(text: string): LeaseLine[] {
  return text.split('\n').flatMap((line) => {
    const [expiry = '', hwaddr = '', address = '', hostname = '', clientId] = line.split(' ');
    if (clientId === undefined || !/^\d+$/.test(expiry) || parseIpv4(address) === undefined)
      return [];
    return [{ hwaddr, address, hostname: hostname === '*' ? '' : hostname }];
  });
}

/**
 * What a user sees: the gateway, what DHCP gave out, and reserved addresses nobody has taken up.
 */
export function leasesOf(
  bridge: BridgeConfig,
  reservations: readonly Reservation[],
  given: readonly LeaseLine[],
): NetworkLease[] {
  const fixed = reservations.flatMap(({ instance, hwaddr, address }) =>
    address === undefined ? [] : [{ hostname: instance, hwaddr: hwaddr.toLowerCase(), address }],
  );
  const isFixed = (lease: LeaseLine): boolean =>
    fixed.some(({ hwaddr, address }) => hwaddr === lease.hwaddr && address === lease.address);
  const gateway = bridge.ipv4?.split('/')[0];
  return [
    ...(gateway === undefined
      ? []
      : [lease({ hostname: `${bridge.name}.gw`, hwaddr: '', address: gateway }, 'gateway')]),
    ...fixed.map((entry) => lease(entry, 'static')),
    ...given.filter((entry) => !isFixed(entry)).map((entry) => lease(entry, 'dynamic')),
  ];
}

function lease(line: LeaseLine, type: NetworkLease['type']): NetworkLease {
  return { ...line, type, location: 'none' };
}

/**
 * A DHCPRELEASE (RFC 2131) in the name of `hwaddr`. dnsmasq finds the lease by hardware address
 * when there is no client identifier, and wants the address to be the lease's.
 */
export function releasePacket(address: string, server: string, hwaddr: string): Buffer {
  const bytes = (ip: string): number[] => ip.split('.').map(Number);
  const packet = Buffer.alloc(300);
  packet.set([1, 1, 6, 0], 0); // BOOTREQUEST, Ethernet, 6 bytes of hardware address
  packet.set(bytes(address), 12); // ciaddr
  packet.set(Buffer.from(hwaddr.replaceAll(':', ''), 'hex'), 28); // chaddr
  packet.set([0x63, 0x82, 0x53, 0x63], 236); // magic cookie
  packet.set([53, 1, 7, 54, 4, ...bytes(server), 255], 240); // DHCPRELEASE, server identifier, end
  return packet;
}

/** The same bridge without what it reserves for a hardware address, in any spelling. */
export function withoutReservation(bridge: BridgeConfig, hwaddr: string): BridgeConfig {
  const isOther = (reservation: Reservation): boolean =>
    reservation.hwaddr.toLowerCase() !== hwaddr.toLowerCase();
  return { ...bridge, reservations: bridge.reservations.filter(isOther) };
}
