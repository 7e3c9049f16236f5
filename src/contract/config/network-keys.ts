import type { KeyRow, UnsupportedKey } from './key.ts';

/** Config keys of a managed bridge. */
export const networkKeys = [
  {
    key: 'ipv4.address',
    type: 'ipv4-subnet',
    default: 'auto',
    also: ['auto', 'none'],
    live: true,
    summary:
      'Address of the gateway with its prefix (10.77.0.1/24), none, or auto for a free subnet',
  },
  {
    key: 'ipv4.nat',
    type: 'bool',
    default: 'true',
    live: true,
    summary: 'Whether machines reach the outside',
  },
  {
    key: 'ipv4.dhcp',
    type: 'bool',
    default: 'true',
    live: true,
    summary: 'Whether machines get addresses by DHCP',
  },
  {
    key: 'ipv4.dhcp.expiry',
    type: 'duration',
    default: '1h',
    live: true,
    summary: 'How long a lease holds, such as 30m or 1h',
  },
  {
    key: 'ipv4.dhcp.ranges',
    type: 'ipv4-ranges',
    live: true,
    summary: 'Addresses to give out (10.77.0.50-10.77.0.99); unset means the whole subnet',
  },
  {
    key: 'ipv6.address',
    type: 'choice',
    default: 'none',
    values: ['none'],
    why: 'the networks of warren are IPv4',
    live: true,
    summary: 'Only none',
  },
  {
    key: 'ipv6.nat',
    type: 'bool',
    default: 'false',
    values: ['false'],
    why: 'the networks of warren are IPv4',
    live: true,
    summary: 'Only false',
  },
  {
    key: 'dns.domain',
    type: 'domain',
    default: 'warren',
    live: true,
    summary: 'Domain of the names of machines (web.warren)',
  },
  {
    key: 'dns.mode',
    type: 'choice',
    default: 'managed',
    values: ['managed'],
    why: 'a machine has the name you gave it and cannot take another',
    live: true,
    summary: 'Only managed',
  },
  {
    key: 'bridge.driver',
    type: 'choice',
    default: 'native',
    values: ['native'],
    why: 'it makes bridges of the kernel',
    live: true,
    summary: 'Only native',
  },
  {
    key: 'bridge.mtu',
    type: 'integer',
    default: '1500',
    min: 576,
    max: 65_520,
    live: false,
    summary: 'Largest packet on the bridge, for machines that are started from now on',
  },
  {
    key: 'user.*',
    type: 'text',
    live: true,
    summary: 'Free notes of yours',
  },
  {
    key: 'volatile.*',
    type: 'text',
    live: true,
    summary: "warren's own records about the network",
  },
] as const satisfies readonly KeyRow[];

const oneBridge =
  'a bridge lies in a network namespace of yours, apart from interfaces of the host';

/** Network keys of LXD that have no meaning here. */
export const unsupportedNetworkKeys: readonly UnsupportedKey[] = [
  { key: 'bgp.*', why: oneBridge },
  { key: 'bridge.*', why: oneBridge },
  { key: 'dns.search', why: 'machines search the domain of their network' },
  { key: 'dns.zone.*', why: 'there are no network zones' },
  { key: 'fan.*', why: oneBridge },
  { key: 'ipv4.firewall', why: 'the rules that ipv4.nat makes are all there are' },
  { key: 'ipv4.routing', why: 'the rules that ipv4.nat makes are all there are' },
  { key: 'ipv4.nat.*', why: 'packets leave by the one uplink' },
  { key: 'ipv4.ovn.*', why: 'there is no OVN' },
  { key: 'ipv4.dhcp.*', why: 'only ipv4.dhcp.expiry and ipv4.dhcp.ranges can be set' },
  { key: 'ipv4.routes', why: oneBridge },
  { key: 'ipv6.*', why: 'the networks of warren are IPv4' },
  { key: 'maas.*', why: 'there is no MAAS integration' },
  { key: 'parent', why: oneBridge },
  { key: 'raw.dnsmasq', why: 'it keeps the configuration of dnsmasq to itself' },
  { key: 'security.*', why: 'there are no network ACLs' },
  { key: 'tunnel.*', why: oneBridge },
];
