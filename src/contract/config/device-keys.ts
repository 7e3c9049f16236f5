import type { KeyRow, UnsupportedKey } from './key.ts';

/** A device type with its keys; `type` itself is understood. */
export interface DeviceTypeRow {
  readonly type: string;
  readonly summary: string;
  readonly keys: readonly KeyRow[];
  readonly unsupported: readonly UnsupportedKey[];
}

const vmOnly = 'it is for virtual machines';
const noIpv6 = 'the networks of warren are IPv4';
const noMknod =
  'device nodes cannot be made without root, the one at source is bind-mounted as it is';
const bridgedOnly = 'an ordinary user can only join a bridge of their own';

export const deviceTypes: readonly DeviceTypeRow[] = [
  {
    type: 'disk',
    summary:
      'The root file system (path=/), or a host directory, file or storage volume inside the machine',
    keys: [
      {
        key: 'path',
        type: 'guest-path',
        required: true,
        live: true,
        summary: 'Where it appears inside; / is the root disk',
      },
      {
        key: 'source',
        type: 'disk-source',
        live: true,
        summary:
          'Directory or file of the host, with pool a storage volume; the root disk has none',
      },
      {
        key: 'pool',
        type: 'object-name',
        live: true,
        summary: 'Storage pool of the root disk, or of the volume that source names',
      },
      {
        key: 'size',
        type: 'size',
        live: true,
        summary:
          'Most of its own that a machine may keep on the root disk: beyond it there are no snapshots and copies, and start warns',
      },
      {
        key: 'readonly',
        type: 'bool',
        default: 'false',
        live: true,
        summary: 'Whether the machine may only read it',
      },
      {
        key: 'limits.read',
        type: 'io-rate',
        live: true,
        summary:
          'Most that is read from the disk below, as bytes (10MB) or operations (200iops) a second',
      },
      {
        key: 'limits.write',
        type: 'io-rate',
        live: true,
        summary: 'Most that is written to the disk below, likewise',
      },
      {
        key: 'limits.max',
        type: 'io-rate',
        live: true,
        summary: 'The same for reading and writing, instead of the two',
      },
      {
        key: 'recursive',
        type: 'bool',
        default: 'false',
        live: true,
        summary: 'Whether file systems mounted below the source come along',
      },
      {
        key: 'required',
        type: 'bool',
        default: 'true',
        live: true,
        summary: 'Whether a missing source is an error',
      },
      {
        key: 'shift',
        type: 'bool',
        default: 'false',
        values: ['false'],
        why: 'an ordinary user cannot shift the ids of a mount; share as yourself with raw.idmap',
        live: true,
        summary: 'Translate ids between host and machine, which needs root',
      },
      {
        key: 'propagation',
        type: 'choice',
        default: 'private',
        values: ['private'],
        why: 'mounts do not travel between host and machine',
        live: true,
        summary: 'Mount propagation',
      },
    ],
    unsupported: [
      { key: 'size.state', why: vmOnly },
      { key: 'raw.mount.options', why: 'use readonly and recursive' },
      { key: 'boot.priority', why: vmOnly },
      { key: 'ceph.*', why: 'mounting ceph needs root' },
      { key: 'attached', why: 'remove the device, or mask it with type=none' },
      { key: 'initial.*', why: 'volumes are made by themselves' },
      { key: 'io.*', why: vmOnly },
    ],
  },
  {
    type: 'nic',
    summary: 'A network interface on a managed bridge',
    keys: [
      {
        key: 'network',
        type: 'interface',
        live: true,
        summary: 'Managed network to join; nictype=bridged with parent says the same',
      },
      {
        key: 'nictype',
        type: 'choice',
        values: ['bridged'],
        why: bridgedOnly,
        live: true,
        summary: 'Only bridged',
      },
      {
        key: 'parent',
        type: 'interface',
        live: true,
        summary: 'Managed network to join, with nictype=bridged',
      },
      {
        key: 'name',
        type: 'interface',
        live: true,
        summary: 'Name of the interface inside; unset means the name of the device',
      },
      {
        key: 'hwaddr',
        type: 'mac',
        live: true,
        summary: 'Hardware address; unset means one that stays with the machine',
      },
      {
        key: 'mtu',
        type: 'integer',
        min: 68,
        max: 65_535,
        live: true,
        summary: "Largest packet; unset means the network's",
      },
      {
        key: 'ipv4.address',
        type: 'ipv4',
        live: true,
        summary: 'Address the machine always gets by DHCP',
      },
      {
        key: 'security.mac_filtering',
        type: 'bool',
        default: 'false',
        live: true,
        summary: 'Drop packets that do not carry the hardware address of the device',
      },
      {
        key: 'security.ipv4_filtering',
        type: 'bool',
        default: 'false',
        live: true,
        summary:
          'Drop packets that do not carry ipv4.address, which must be set; implies mac_filtering',
      },
      {
        key: 'security.port_isolation',
        type: 'bool',
        default: 'false',
        live: true,
        summary: 'Keep the machine from reaching other isolated machines on the network',
      },
    ],
    unsupported: [
      { key: 'boot.priority', why: vmOnly },
      {
        key: 'host_name',
        why: 'the other end lies in a network namespace of warren, where it names it',
      },
      { key: 'ipv4.*', why: 'only ipv4.address can be set for a bridged interface' },
      { key: 'ipv6.*', why: noIpv6 },
      { key: 'limits.*', why: 'it does not shape traffic' },
      { key: 'security.ipv6_filtering', why: noIpv6 },
      { key: 'security.acls*', why: 'there are no network ACLs' },
      { key: 'vlan*', why: 'its bridges have no VLANs' },
      { key: 'maas.*', why: 'there is no MAAS integration' },
      { key: 'queue.*', why: 'it does not tune queues' },
    ],
  },
  {
    type: 'proxy',
    summary: 'A port or unix socket, published between host and machine',
    keys: [
      {
        key: 'listen',
        type: 'proxy-listen',
        required: true,
        live: true,
        summary: 'tcp:ADDRESS:PORTS, udp:ADDRESS:PORTS or unix:PATH; without an address 127.0.0.1',
      },
      {
        key: 'connect',
        type: 'proxy-connect',
        required: true,
        live: true,
        summary: 'Where connections go, written like listen, on the other side',
      },
      {
        key: 'bind',
        type: 'choice',
        default: 'host',
        values: ['host', 'instance'],
        live: true,
        summary: 'The side that listens',
      },
      {
        key: 'mode',
        type: 'octal-mode',
        default: '0644',
        live: true,
        summary: 'Mode of a listening unix socket',
      },
      {
        key: 'uid',
        type: 'integer',
        default: '0',
        values: ['0'],
        why: 'a listening socket belongs to you on the host and to root in the machine',
        live: true,
        summary: 'Owner of a listening unix socket',
      },
      {
        key: 'gid',
        type: 'integer',
        default: '0',
        values: ['0'],
        why: 'a listening socket belongs to you on the host and to root in the machine',
        live: true,
        summary: 'Group of a listening unix socket',
      },
      {
        key: 'nat',
        type: 'bool',
        default: 'false',
        values: ['false'],
        why: 'an ordinary user cannot forward packets of the host',
        live: true,
        summary: 'Forward by the kernel instead of relaying connections',
      },
      {
        key: 'proxy_protocol',
        type: 'bool',
        default: 'false',
        values: ['false'],
        why: 'connections are relayed as they are',
        live: true,
        summary: 'Tell the client address by the PROXY protocol',
      },
    ],
    unsupported: [
      { key: 'security.uid', why: 'connections are made by root of the machine or by you' },
      { key: 'security.gid', why: 'connections are made by root of the machine or by you' },
    ],
  },
  {
    type: 'unix-char',
    summary: 'A character device of the host that you may use, bind-mounted into the machine',
    keys: [
      {
        key: 'source',
        type: 'host-path',
        live: true,
        summary: 'Device node of the host; unset means the same as path',
      },
      {
        key: 'path',
        type: 'guest-path',
        live: true,
        summary: 'Where it appears inside; unset means the same as source',
      },
      {
        key: 'required',
        type: 'bool',
        default: 'true',
        live: true,
        summary: 'Whether a missing device is an error',
      },
    ],
    unsupported: [
      { key: 'major', why: noMknod },
      { key: 'minor', why: noMknod },
      { key: 'uid', why: noMknod },
      { key: 'gid', why: noMknod },
      { key: 'mode', why: noMknod },
    ],
  },
  {
    type: 'none',
    summary: 'Nothing: hides a device of the same name that a profile brings',
    keys: [],
    unsupported: [],
  },
];

/** Device types of LXD that warren refuses, and why. */
export const unsupportedDeviceTypes: readonly UnsupportedKey[] = [
  { key: 'unix-block', why: 'file systems on block devices cannot be mounted without root' },
  { key: 'unix-hotplug', why: 'it follows no device events of the host; use unix-char' },
  {
    key: 'usb',
    why: 'it follows no device events of the host; use unix-char with the node below /dev/bus/usb',
  },
  { key: 'gpu', why: 'use unix-char with the node below /dev/dri' },
  { key: 'tpm', why: 'it emulates no TPM' },
  { key: 'infiniband', why: 'interfaces of the host cannot be moved without root' },
  { key: 'pci', why: vmOnly },
];
