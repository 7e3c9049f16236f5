import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  formatIpv4,
  isMacAddress,
  parseIpv4,
  parseIpv4Range,
  parseIpv4Subnet,
} from '../../../src/base/addresses.ts';

test('an IPv4 address survives format and parse', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (address) => {
      expect(parseIpv4(formatIpv4(address))).toBe(address);
    }),
  );
});

test.each(['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '01.2.3.4', '0x1.2.3.4', '1.2.3.4 ', '1.2.3.-4'])(
  '%j is no IPv4 address',
  (text) => {
    expect(parseIpv4(text)).toBeUndefined();
  },
);

test('a subnet knows its ends', () => {
  const subnet = parseIpv4Subnet('10.77.3.1/22');
  expect(formatIpv4(subnet?.first ?? 0)).toBe('10.77.0.0');
  expect(formatIpv4(subnet?.last ?? 0)).toBe('10.77.3.255');
  expect(parseIpv4Subnet('10.0.0.1/33')).toBeUndefined();
  expect(parseIpv4Subnet('255.255.255.255/0')).toMatchObject({ first: 0, last: 2 ** 32 - 1 });
});

test('a range needs both ends in order', () => {
  expect(parseIpv4Range('10.0.0.1-10.0.0.3')).toEqual({ first: 0x0a000001, last: 0x0a000003 });
  expect(parseIpv4Range('10.0.0.3-10.0.0.1')).toBeUndefined();
  expect(parseIpv4Range('10.0.0.1')).toBeUndefined();
});

test('a hardware address belongs to one interface', () => {
  expect(isMacAddress('00:16:3e:aa:BB:01')).toBe(true);
  for (const text of [
    'ff:ff:ff:ff:ff:ff',
    '00:00:00:00:00:00',
    '00:16:3e:aa:bb',
    '00-16-3e-aa-bb-01',
  ]) {
    expect(isMacAddress(text), text).toBe(false);
  }
});
