import type { NetlinkMessage } from '../sys/kernel/netlink.ts';

/**
 * The messages of man 7 rtnetlink that a switch needs, as bytes. Numbers are from
 * linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h and linux/neighbour.h.
 */
export interface Request extends NetlinkMessage {
  readonly flags: number;
}

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

const NLM_F_REPLACE = 0x100;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;
const NLM_F_DUMP = 0x300;
const NLA_F_NESTED = 0x8000;

const AF_INET = 2;
const AF_BRIDGE = 7;
const IFF_UP = 1;

const IFLA = {
  address: 1,
  ifname: 3,
  mtu: 4,
  link: 5,
  master: 10,
  protinfo: 12,
  operstate: 16,
  linkinfo: 18,
  ifalias: 20,
  stats64: 23,
  netNsFd: 28,
} as const;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_BR_FORWARD_DELAY = 1;
const IFLA_BRPORT_ISOLATED = 33;
const VETH_INFO_PEER = 1;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;

/** A bridge, or the changed address and MTU of one that exists; up. */
export function bridgeLink(name: string, hwaddr: string, mtu: number): Request {
  const info = Buffer.concat([
    attribute(IFLA_INFO_KIND, text('bridge')),
    // A new port must forward at once; there are no loops a spanning tree would have to find.
    attribute(IFLA_INFO_DATA | NLA_F_NESTED, attribute(IFLA_BR_FORWARD_DELAY, uint32(0))),
  ]);
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE,
    payload: Buffer.concat([
      ifinfo({ flags: IFF_UP }),
      attribute(IFLA.ifname, text(name)),
      attribute(IFLA.address, macBytes(hwaddr)),
      attribute(IFLA.mtu, uint32(mtu)),
      attribute(IFLA.linkinfo | NLA_F_NESTED, info),
    ]),
  };
}

export interface VethPair {
  readonly name: string;
  readonly bridgeIndex: number;
  readonly mtu: number;
  readonly peer: {
    readonly name: string;
    readonly hwaddr: string;
    readonly netnsFd: number;
  };
}

/**
 * Both ends at once; the peer is born in its network namespace, down. `EEXIST` when a name is
 * taken.
 */
export function vethLink({ name, bridgeIndex, mtu, peer }: VethPair): Request {
  const peerInfo = Buffer.concat([
    ifinfo({}),
    attribute(IFLA.ifname, text(peer.name)),
    attribute(IFLA.address, macBytes(peer.hwaddr)),
    attribute(IFLA.mtu, uint32(mtu)),
    attribute(IFLA.netNsFd, uint32(peer.netnsFd)),
  ]);
  const info = Buffer.concat([
    attribute(IFLA_INFO_KIND, text('veth')),
    attribute(IFLA_INFO_DATA | NLA_F_NESTED, attribute(VETH_INFO_PEER | NLA_F_NESTED, peerInfo)),
  ]);
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    payload: Buffer.concat([
      ifinfo({}),
      attribute(IFLA.ifname, text(name)),
      attribute(IFLA.mtu, uint32(mtu)),
      attribute(IFLA.master, uint32(bridgeIndex)),
      attribute(IFLA.linkinfo | NLA_F_NESTED, info),
    ]),
  };
}

/** Names the owner of a port in its alias and sets it up. */
export function claimLink(name: string, alias: string): Request {
  return {
    type: RTM_SETLINK,
    flags: 0,
    payload: Buffer.concat([
      ifinfo({ flags: IFF_UP }),
      attribute(IFLA.ifname, text(name)),
      attribute(IFLA.ifalias, Buffer.from(alias)),
    ]),
  };
}

export function linkUp(name: string): Request {
  return {
    type: RTM_SETLINK,
    flags: 0,
    payload: Buffer.concat([ifinfo({ flags: IFF_UP }), attribute(IFLA.ifname, text(name))]),
  };
}

/** Isolated ports of a bridge cannot reach each other (`isolated on` of man 8 bridge). */
export function isolateLink(index: number): Request {
  return {
    type: RTM_SETLINK,
    flags: 0,
    payload: Buffer.concat([
      ifinfo({ family: AF_BRIDGE, index }),
      attribute(IFLA.protinfo | NLA_F_NESTED, attribute(IFLA_BRPORT_ISOLATED, Buffer.from([1]))),
    ]),
  };
}

/** A pair goes when either end goes. */
export function deleteLink(name: string): Request {
  return {
    type: RTM_DELLINK,
    flags: 0,
    payload: Buffer.concat([ifinfo({}), attribute(IFLA.ifname, text(name))]),
  };
}

export function listLinks(): Request {
  return { type: RTM_GETLINK, flags: NLM_F_DUMP, payload: ifinfo({}) };
}

export function listAddresses(): Request {
  return { type: RTM_GETADDR, flags: NLM_F_DUMP, payload: Buffer.alloc(8) };
}

/** An IPv4 address as 32 bits. */
export interface Ipv4Assignment {
  readonly index: number;
  readonly address: number;
  readonly prefix: number;
}

export function addAddress({ index, address, prefix }: Ipv4Assignment): Request {
  const broadcast = (address | (2 ** (32 - prefix) - 1)) >>> 0;
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    payload: Buffer.concat([
      ifaddr(prefix, index),
      attribute(IFA_LOCAL, uint32be(address)),
      attribute(IFA_ADDRESS, uint32be(address)),
      attribute(IFA_BROADCAST, uint32be(broadcast)),
    ]),
  };
}

export function deleteAddress({ index, address, prefix }: Ipv4Assignment): Request {
  return {
    type: RTM_DELADDR,
    flags: 0,
    payload: Buffer.concat([ifaddr(prefix, index), attribute(IFA_LOCAL, uint32be(address))]),
  };
}

/** One interface of a listing. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** ARPHRD_*: 1 is Ethernet, 772 the loopback. */
  readonly hardware: number;
  /** IFF_*. */
  readonly flags: number;
  readonly hwaddr: string;
  readonly mtu: number;
  readonly alias: string;
  /** IF_OPER_*: 6 is up, 0 unknown. */
  readonly operstate: number;
  /** For a veth the index of its peer, in the namespace where that is. */
  readonly peerIndex: number | undefined;
  readonly master: number | undefined;
  /**
   * In the order of `struct rtnl_link_stats64`: packets in and out, bytes in and out, errors,
   * drops.
   */
  readonly stats: readonly number[];
}

export function parseLinks(replies: readonly NetlinkMessage[]): Link[] {
  return replies
    .filter(({ type, payload }) => type === RTM_NEWLINK && payload.length >= 16)
    .map(({ payload }) => {
      const attributes = parseAttributes(payload.subarray(16));
      const stats = attributes.get(IFLA.stats64);
      return {
        index: payload.readInt32LE(4),
        name: readText(attributes.get(IFLA.ifname)),
        hardware: payload.readUInt16LE(2),
        flags: payload.readUInt32LE(8),
        hwaddr: formatMac(attributes.get(IFLA.address)),
        mtu: attributes.get(IFLA.mtu)?.readUInt32LE(0) ?? 0,
        alias: readText(attributes.get(IFLA.ifalias)),
        operstate: attributes.get(IFLA.operstate)?.[0] ?? 0,
        peerIndex: attributes.get(IFLA.link)?.readInt32LE(0),
        master: attributes.get(IFLA.master)?.readUInt32LE(0),
        stats:
          stats === undefined
            ? []
            : Array.from({ length: 8 }, (_, at) => Number(stats.readBigUInt64LE(at * 8))),
      };
    });
}

/** One address of a listing. */
export interface Address {
  readonly index: number;
  readonly family: 'inet' | 'inet6';
  readonly prefix: number;
  /** RT_SCOPE_*: 0 global, 253 link, 254 host. */
  readonly scope: number;
  /** 4 or 16 bytes. */
  readonly bytes: Buffer;
}

export function parseAddresses(replies: readonly NetlinkMessage[]): Address[] {
  return replies.flatMap(({ type, payload }) => {
    if (type !== RTM_NEWADDR || payload.length < 8) return [];
    const attributes = parseAttributes(payload.subarray(8));
    const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
    if (bytes === undefined) return [];
    return [
      {
        index: payload.readUInt32LE(4),
        family: payload[0] === AF_INET ? ('inet' as const) : ('inet6' as const),
        prefix: payload[1] ?? 0,
        scope: payload[3] ?? 0,
        bytes,
      },
    ];
  });
}

function parseAttributes(bytes: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) break;
    attributes.set(bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return attributes;
}

function attribute(type: number, value: Uint8Array): Buffer {
  const buffer = Buffer.alloc(4 + ((value.length + 3) & ~3));
  buffer.writeUInt16LE(4 + value.length, 0);
  buffer.writeUInt16LE(type, 2);
  buffer.set(value, 4);
  return buffer;
}

/** `struct ifinfomsg`. Flags that are set are also the only ones to change. */
function ifinfo(fields: { family?: number; index?: number; flags?: number }): Buffer {
  const buffer = Buffer.alloc(16);
  buffer.writeUInt8(fields.family ?? 0, 0);
  buffer.writeInt32LE(fields.index ?? 0, 4);
  buffer.writeUInt32LE(fields.flags ?? 0, 8);
  buffer.writeUInt32LE(fields.flags ?? 0, 12);
  return buffer;
}

/** `struct ifaddrmsg`. */
function ifaddr(prefix: number, index: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeUInt8(AF_INET, 0);
  buffer.writeUInt8(prefix, 1);
  buffer.writeUInt32LE(index, 4);
  return buffer;
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function uint32be(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value);
  return buffer;
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function readText(bytes: Buffer | undefined): string {
  return bytes?.toString('utf8').replace(/\0.*$/s, '') ?? '';
}

function macBytes(hwaddr: string): Buffer {
  return Buffer.from(hwaddr.replaceAll(':', ''), 'hex');
}

function formatMac(bytes: Buffer | undefined): string {
  return bytes?.toString('hex').replace(/(..)(?!$)/g, '$1:') ?? '';
}
