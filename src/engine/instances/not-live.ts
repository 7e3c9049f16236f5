import { isDeepStrictEqual } from 'node:util';

import type { DeviceMap } from '../../contract/api/instances.ts';
import type { Expanded } from '../../contract/config/expand.ts';
import { isLive } from '../../contract/config/validate.ts';
import { nicDevices, planNics } from '../networks/nics.ts';
import { changesOf } from './disks.ts';

/**
 * Keys whose change `applyLive` leaves for the next start of a machine that runs: those of config
 * by their name, those of devices as `devices.eth0.ipv4.address`.
 */
export function notLive(before: Expanded, after: Expanded): string[] {
  const [old, now] = [before.config, after.config];
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .filter((key) => !isLive(key) && !key.startsWith('volatile.'))
    .filter((key) => !isDeepStrictEqual(old[key], now[key]))
    .sort();
  return [...keys, ...addresses(before, after)];
}

/** Of nics that stay as they are: who has an address by DHCP asks for one when it starts. */
function addresses(before: Expanded, after: Expanded): string[] {
  const moved = changesOf(planNics('', before), planNics('', after)).added;
  const addressOf = (devices: DeviceMap, name: string): string =>
    devices[name]?.['ipv4.address'] ?? '';
  const old = new Set(nicDevices(before.devices).map(([name]) => name));
  return nicDevices(after.devices)
    .map(([name]) => name)
    .filter((name) => old.has(name) && !moved.some(({ device }) => device === name))
    .filter((name) => addressOf(before.devices, name) !== addressOf(after.devices, name))
    .map((name) => `devices.${name}.ipv4.address`);
}
