import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatAddress } from '../../../src/network/interfaces.ts';
import { portName, portOwner } from '../../../src/network/ports.ts';
import {
  addAddress,
  deleteLink,
  linkUp,
  parseAddresses,
  parseLinks,
  vethLink,
} from '../../../src/network/rtnetlink.ts';

const RTM_NEWLINK = 16;

describe('requests', () => {
  it('ask for a link by name', () => {
    // struct ifinfomsg with IFF_UP set and to be changed, then IFLA_IFNAME (3) "lo\0", padded.
    expect(linkUp('lo').payload.toString('hex')).toBe(
      '00000000' + '00000000' + '01000000' + '01000000' + '07000300' + '6c6f0000',
    );
    expect(deleteLink('a').type).toBe(17);
  });

  it('give an address with its broadcast address', () => {
    const { payload } = addAddress({ index: 7, address: 0x0a4d0001, prefix: 24 });
    expect(payload.toString('hex')).toBe(
      '02180000' +
        '07000000' +
        '08000200' +
        '0a4d0001' +
        '08000100' +
        '0a4d0001' +
        '08000400' +
        '0a4d00ff',
    );
  });

  it('are made of whole attributes', () => {
    const { payload } = vethLink({
      name: 'veth0123456789a',
      bridgeIndex: 2,
      mtu: 1500,
      peer: { name: 'eth0', hwaddr: '00:16:3e:00:00:01', netnsFd: 9 },
    });
    expect(payload.length % 4).toBe(0);
    const [link] = parseLinks([{ type: RTM_NEWLINK, payload }]);
    expect(link).toMatchObject({ name: 'veth0123456789a', mtu: 1500, master: 2 });
  });
});

describe('replies', () => {
  it('never throw, whatever their attributes claim', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const payload = Buffer.concat([Buffer.alloc(16), bytes]);
        try {
          parseLinks([{ type: RTM_NEWLINK, payload }]);
          parseAddresses([{ type: 20, payload }]);
        } catch (error) {
          // A number shorter than its type is the kernel's to avoid; nothing is read beyond it.
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

describe('formatAddress', () => {
  it('writes IPv6 in its shortest form', () => {
    const bytes = Buffer.from('fe800000000000000216 3efffe000001'.replace(' ', ''), 'hex');
    expect(formatAddress({ index: 1, family: 'inet6', prefix: 64, scope: 253, bytes })).toBe(
      'fe80::216:3eff:fe00:1',
    );
  });
});

describe('ports', () => {
  const link = {
    index: 1,
    hardware: 1,
    flags: 0,
    hwaddr: '',
    mtu: 1500,
    operstate: 6,
    peerIndex: 2,
    master: 3,
    stats: [],
  };

  it('have a name that fits and tells machines and devices apart', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (instance, device) => {
        expect(portName({ instance, device })).toMatch(/^veth[0-9a-f]{11}$/);
      }),
    );
    expect(portName({ instance: 'a', device: 'b' })).not.toBe(
      portName({ instance: 'b', device: 'a' }),
    );
  });

  it('know their owner by the alias, and nobody where there is none', () => {
    const name = portName({ instance: 'web', device: 'eth0' });
    expect(portOwner({ ...link, name, alias: 'web/eth0' })).toEqual({
      instance: 'web',
      device: 'eth0',
    });
    expect(portOwner({ ...link, name, alias: '' })).toEqual({ instance: '', device: '' });
    for (const other of ['warrenbr0', 'tap0', 'lo', 'vethernet', 'veth0']) {
      expect(portOwner({ ...link, name: other, alias: '' })).toBeUndefined();
    }
  });
});
