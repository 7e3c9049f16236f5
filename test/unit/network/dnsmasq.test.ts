import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { hostPath } from '../../../src/base/brand.ts';
import {
  dnsmasqArgs,
  formatHosts,
  leasesOf,
  parseLeases,
  releasePacket,
} from '../../../src/network/dnsmasq.ts';
import type { BridgeConfig } from '../../../src/network/types.ts';

const bridge: BridgeConfig = {
  name: 'warrenbr0',
  ipv4: '10.77.0.1/24',
  nat: true,
  dhcp: true,
  dhcpRange: undefined,
  leaseTime: '1h',
  domain: 'warren',
  mtu: 1500,
  reservations: [],
};
const places = {
  netnsFile: hostPath('/mnt/net/switch'),
  runDir: hostPath('/run/net'),
  leaseDir: hostPath('/data/networks'),
  logDir: hostPath('/data/logs'),
};

describe('dnsmasqArgs', () => {
  it('serves the whole subnet but its ends unless told otherwise', () => {
    expect(dnsmasqArgs(bridge, places, undefined)).toContain(
      '--dhcp-range=10.77.0.1,10.77.0.254,255.255.255.0,1h',
    );
    const ranges = { ...bridge, dhcpRange: '10.77.0.5-10.77.0.9, 10.77.0.20-10.77.0.29' };
    const args = dnsmasqArgs(ranges, places, '198.18.77.3');
    expect(args).toContain('--dhcp-range=10.77.0.5,10.77.0.9,255.255.255.0,1h');
    expect(args).toContain('--dhcp-range=10.77.0.20,10.77.0.29,255.255.255.0,1h');
    expect(args).toContain('--server=198.18.77.3');
  });

  it('always leaves out pings, host files and names that machines choose', () => {
    expect(dnsmasqArgs(bridge, places, undefined)).toEqual(
      expect.arrayContaining(['--no-ping', '--no-hosts', '--no-resolv', '--dhcp-ignore-names']),
    );
  });

  it('gives names but no addresses without DHCP', () => {
    const args = dnsmasqArgs({ ...bridge, dhcp: false }, places, undefined);
    expect(args).toContain('--no-dhcp-interface=warrenbr0');
    expect(args.join(' ')).not.toContain('--dhcp-range');
  });
});

describe('formatHosts', () => {
  it('writes a line for each machine', () => {
    expect(
      formatHosts([
        { instance: 'web', hwaddr: '00:16:3E:00:00:02', address: undefined },
        { instance: 'db', hwaddr: '00:16:3e:00:00:01', address: '10.77.0.9' },
      ]),
    ).toBe('00:16:3e:00:00:01,10.77.0.9,db\n00:16:3e:00:00:02,web\n');
  });

  it('lets no value make a line or a field of its own', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (instance, hwaddr, address) => {
        const reservation = { instance, hwaddr, address };
        let text: string;
        try {
          text = formatHosts([reservation]);
        } catch {
          return;
        }
        expect(text).toMatch(/^[0-9a-f:]{17},[0-9.]+,[A-Za-z0-9-]+\n$/);
      }),
    );
    const good = { instance: 'web', hwaddr: '00:16:3e:00:00:02', address: '10.77.0.9' };
    for (const bad of [
      { ...good, instance: 'web\n00:16:3e:00:00:03,db' },
      { ...good, instance: 'web,ignore' },
      { ...good, hwaddr: '00:16:3e:00:00:02,set:x' },
      { ...good, address: '10.77.0.9\n' },
    ]) {
      expect(() => formatHosts([bad])).toThrow('Cannot reserve addresses');
    }
  });
});

describe('leases', () => {
  const file = [
    'duid 00:01:00:01:2e',
    '1700000000 00:16:3e:00:00:01 10.77.0.9 db 01:00:16:3e:00:00:01',
    '1700000000 00:16:3e:00:00:02 10.77.0.12 * *',
    '1700000000 00:16:3e:00:00:03 10.77.0.13 web *',
    'garbage',
    '',
  ].join('\n');

  it('are read from the file of dnsmasq', () => {
    expect(parseLeases(file)).toEqual([
      { hwaddr: '00:16:3e:00:00:01', address: '10.77.0.9', hostname: 'db' },
      { hwaddr: '00:16:3e:00:00:02', address: '10.77.0.12', hostname: '' },
      { hwaddr: '00:16:3e:00:00:03', address: '10.77.0.13', hostname: 'web' },
    ]);
  });

  it('are static when reserved, taken up or not, and dynamic else', () => {
    const reservations = [
      { instance: 'db', hwaddr: '00:16:3E:00:00:01', address: '10.77.0.9' },
      { instance: 'off', hwaddr: '00:16:3e:00:00:09', address: '10.77.0.99' },
      { instance: 'web', hwaddr: '00:16:3e:00:00:03', address: undefined },
    ];
    const leases = leasesOf(bridge, reservations, parseLeases(file));
    expect(leases.map(({ hostname, address, type }) => [hostname, address, type])).toEqual([
      ['warrenbr0.gw', '10.77.0.1', 'gateway'],
      ['db', '10.77.0.9', 'static'],
      ['off', '10.77.0.99', 'static'],
      ['', '10.77.0.12', 'dynamic'],
      ['web', '10.77.0.13', 'dynamic'],
    ]);
  });
});

describe('releasePacket', () => {
  it('is a BOOTP request with the address, the hardware address and two options', () => {
    const packet = releasePacket('10.77.0.12', '10.77.0.1', '00:16:3e:00:00:02');
    expect(packet.length).toBe(300);
    expect(packet.subarray(0, 4).toString('hex')).toBe('01010600');
    expect(packet.subarray(12, 16).toString('hex')).toBe('0a4d000c');
    expect(packet.subarray(28, 34).toString('hex')).toBe('00163e000002');
    expect(packet.subarray(236, 250).toString('hex')).toBe('6382536335010736040a4d0001ff');
  });
});
