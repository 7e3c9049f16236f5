import type { DeviceMap, StringMap } from '../api/instances.ts';

/** What a profile or an instance brings of its own. */
export interface ConfigLayer {
  readonly config: StringMap;
  readonly devices: DeviceMap;
}

/**
 * LXD's merge: later profiles win over earlier ones and the instance over all; config per key,
 * devices whole. A device of type `none` stays as such and so hides one of that name; nothing is
 * made of it.
 */
export function expand(profiles: readonly ConfigLayer[], instance: ConfigLayer): ConfigLayer {
  const layers = [...profiles, instance];
  return {
    config: merge(layers.map((layer) => layer.config)),
    devices: merge(layers.map((layer) => layer.devices)),
  };
}

/** The devices that are to be made: those that no `none` hides. */
export function visibleDevices(devices: DeviceMap): DeviceMap {
  return Object.fromEntries(Object.entries(devices).filter(([, { type }]) => type !== 'none'));
}

/** By `Object.fromEntries`, since a name such as `__proto__` must stay a name. */
function merge<T>(maps: readonly Readonly<Record<string, T>>[]): Record<string, T> {
  return Object.fromEntries(new Map(maps.flatMap((map) => Object.entries(map))));
}
