import { describe, expect, test } from 'vitest';

import { fixedAddressProblem } from '../../../../src/engine/networks/nics.ts';
import type { NetworkRecord } from '../../../../src/engine/types.ts';

function network(address: string): NetworkRecord {
  const config = { 'ipv4.address': address };
  return { id: 1, name: 'br', description: '', config };
}

describe('a fixed address', () => {
  test.each(['10.9.0.2', '10.9.0.200', '10.9.0.254'])('%s may be had', (address) => {
    expect(fixedAddressProblem(network('10.9.0.1/24'), address)).toBeUndefined();
  });

  test.each(['10.9.0.0', '10.9.0.255', '10.9.1.2', '10.8.255.255', '1.2.3.4'])(
    '%s is not in the network',
    (address) => {
      expect(fixedAddressProblem(network('10.9.0.1/24'), address)).toBe(
        `${address} is not in network br, wanted one of 10.9.0.2-10.9.0.254`,
      );
    },
  );

  test('is not the gateway', () => {
    const problem = fixedAddressProblem(network('10.9.0.1/24'), '10.9.0.1');
    expect(problem).toBe(
      '10.9.0.1 is the gateway of network br, wanted one of 10.9.0.2-10.9.0.254',
    );
    expect(fixedAddressProblem(network('10.9.0.3/29'), '10.9.0.3')).toContain(
      'wanted one of 10.9.0.1-10.9.0.2, 10.9.0.4-10.9.0.6',
    );
    expect(fixedAddressProblem(network('10.9.0.6/29'), '10.9.0.6')).toMatch(
      /of 10.9.0.1-10.9.0.5$/,
    );
  });

  test('is none where the network has no addresses', () => {
    expect(fixedAddressProblem(network('none'), '10.9.0.2')).toContain('has no IPv4 addresses');
  });
});
