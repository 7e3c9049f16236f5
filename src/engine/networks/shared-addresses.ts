import type { DeviceMap } from '../../contract/api/instances.ts';
import type { Issue } from '../../contract/errors.ts';
import type { InstanceRecord } from '../types.ts';
import { networkOfNic, nicDevices } from './nics.ts';

export interface FixedAddress {
  readonly network: string;
  readonly device: string;
  readonly address: string;
}

/**
 * An issue for each fixed address of a machine's expanded `devices` that it has twice, or that one of `others` has
 * on the same network, running or not: dnsmasq would give it to whoever asks first, and the other one any address.
 */
export function sharedAddressIssues(
  devices: DeviceMap,
  others: () => readonly (Pick<InstanceRecord, 'name'> & { readonly devices: DeviceMap })[],
): Issue[] {
  const own = fixedAddresses(devices);
  if (own.length === 0) return [];
  const holders = new Map(
    others().flatMap(({ name, devices: theirs }) =>
      fixedAddresses(theirs).map((one): [string, string] => [keyOf(one), name]),
    ),
  );
  const issues: Issue[] = [];
  for (const one of own) {
    const holder = holders.get(keyOf(one));
    if (holder !== undefined) {
      const problem = `${one.address} is the address of ${holder}, wanted one that no other machine has`;
      issues.push({ path: `devices.${one.device}.ipv4.address`, problem });
    }
    holders.set(keyOf(one), `its ${one.device}`);
  }
  return issues;
}

/** The addresses that the nics of an expanded set ask for. */
export function fixedAddresses(devices: DeviceMap): FixedAddress[] {
  return nicDevices(devices).flatMap(([device, keys]) => {
    const network = networkOfNic(keys);
    const address = keys['ipv4.address'] ?? '';
    return network === undefined || address === '' ? [] : [{ network, device, address }];
  });
}

/** Two of the same key cannot be had by two machines. */
export function keyOf({ network, address }: FixedAddress): string {
  return `${network} ${address}`;
}
