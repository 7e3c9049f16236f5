import type { DeviceMap } from '../../contract/api/instances.ts';
import type { Issue } from '../../contract/errors.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';
import { networkOfNic, nicDevices } from './nics.ts';

export interface FixedAddress {
  readonly network: string;
  readonly device: string;
  readonly address: string;
}

/**
 * Which machines have a fixed address, by `keyOf`. Those that are being made have theirs already.
 */
export type AddressHolders = ReadonlyMap<string, readonly Pick<InstanceRecord, 'id' | 'name'>[]>;

/** `devicesOf` answers the expanded devices of a machine. */
export function addressHolders(
  { store }: Pick<EngineDeps, 'store'>,
  devicesOf: (record: InstanceRecord) => DeviceMap,
): AddressHolders {
  const holders = new Map<string, InstanceRecord[]>();
  for (const record of store.instances.list()) {
    if (record.phase === 'deleting') continue;
    for (const one of fixedAddresses(devicesOf(record))) {
      holders.set(keyOf(one), [...(holders.get(keyOf(one)) ?? []), record]);
    }
  }
  return holders;
}

/**
 * An issue for each fixed address of a machine's expanded `devices` that it has twice, or that
 * another one has on the same network, running or not: dnsmasq would give it to whoever asks first,
 * and the other one any address. Those that it has in `before` already are let through. `id` is its
 * own, when it has one.
 */
export function sharedAddressIssues(
  devices: DeviceMap,
  id: number | undefined,
  holders: () => AddressHolders,
  before: DeviceMap = {},
): Issue[] {
  const addresses = fixedAddresses(devices);
  const isKnown = (one: FixedAddress): boolean =>
    fixedAddresses(before).some((old) => old.device === one.device && keyOf(old) === keyOf(one));
  if (addresses.every(isKnown)) return [];
  const held = holders();
  /** Its own devices, by the address that they have; those that had it already come first. */
  const own = new Map<string, string>();
  const ordered = addresses.toSorted((a, b) => Number(isKnown(b)) - Number(isKnown(a)));
  return ordered.flatMap((one): Issue[] => {
    const key = keyOf(one);
    const other = held.get(key)?.find((record) => record.id !== id)?.name;
    const twice = own.get(key);
    own.set(key, one.device);
    const holder = other ?? (twice === undefined ? undefined : `its ${twice}`);
    if (holder === undefined || isKnown(one)) return [];
    const problem = `${one.address} is the address of ${holder}, wanted one that no other machine has`;
    return [{ path: `devices.${one.device}.ipv4.address`, problem }];
  });
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
