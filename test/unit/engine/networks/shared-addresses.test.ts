import { expect, it } from 'vitest';

import type { DeviceMap } from '../../../../src/contract/api/instances.ts';
import {
  sharedAddressIssues,
  type AddressHolders,
} from '../../../../src/engine/networks/shared-addresses.ts';

const nic = (address: string): DeviceMap[string] => ({
  type: 'nic',
  network: 'warrenbr0',
  'ipv4.address': address,
});
const holders = (): AddressHolders =>
  new Map([
    [
      'warrenbr0 10.77.0.5',
      [
        { id: 1, name: 'one' },
        { id: 2, name: 'two' },
      ],
    ],
  ]);
const pathsOf = (devices: DeviceMap, id?: number, before?: DeviceMap): string[] =>
  sharedAddressIssues(devices, id, holders, before).map(({ path }) => path);

it('an address of another machine is in the way, of whoever is new and of whoever starts', () => {
  const devices = { eth0: nic('10.77.0.5') };
  expect(pathsOf(devices)).toEqual(['devices.eth0.ipv4.address']);
  expect(pathsOf(devices, 1)).toEqual(['devices.eth0.ipv4.address']);
  expect(pathsOf({ eth0: nic('10.77.0.6') }, 1)).toEqual([]);
  expect(pathsOf({ eth0: { type: 'nic', network: 'warrenbr0' } })).toEqual([]);
});

it('one that a machine has already is in the way of no change of something else', () => {
  const devices = { eth0: nic('10.77.0.5') };
  expect(pathsOf(devices, 1, devices)).toEqual([]);
  expect(pathsOf({ ...devices, eth1: nic('10.77.0.7') }, 1, devices)).toEqual([]);
  expect(pathsOf(devices, 1, { eth0: nic('10.77.0.6') })).toEqual(['devices.eth0.ipv4.address']);
});

it('two interfaces of a machine have none in common, whichever had it first', () => {
  const [first, second] = [{ eth0: nic('10.77.0.8') }, { eth1: nic('10.77.0.8') }];
  expect(pathsOf({ ...first, ...second }, 1)).toEqual(['devices.eth1.ipv4.address']);
  expect(pathsOf({ ...first, ...second }, 1, second)).toEqual(['devices.eth0.ipv4.address']);
});
