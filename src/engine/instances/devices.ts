import type { DeviceMap } from '../../contract/api/instances.ts';

/** Clients unset a device's key by sending the empty string. */
export function dropEmptyKeys(devices: DeviceMap): DeviceMap {
  return Object.fromEntries(
    Object.entries(devices).map(([name, keys]) => [
      name,
      Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== '')),
    ]),
  );
}
