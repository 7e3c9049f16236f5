import type { DeviceMap, StringMap } from '../api/instances.ts';

/** What a profile or an instance brings of its own. */
export interface ConfigLayer {
  readonly config: StringMap;
  readonly devices: DeviceMap;
}

/** What a machine has in the end. */
export interface Expanded extends ConfigLayer {
  /**
   * Limits the machine may start without where the host cannot hold them: those brought by a
   * profile that says `warren.limits.missing: warn`. What the machine itself says decides for all.
   */
  readonly optionalLimits: ReadonlySet<string>;
}

/**
 * LXD's merge: later profiles win over earlier ones and the instance over all; config per key,
 * devices whole. A device of type `none` stays as such and so hides one of that name; nothing is
 * made of it.
 */
export function expand(profiles: readonly ConfigLayer[], instance: ConfigLayer): Expanded {
  const layers = [...profiles, instance];
  return {
    config: merge(layers.map((layer) => layer.config)),
    devices: merge(layers.map((layer) => layer.devices)),
    optionalLimits: optionalLimits(layers, instance.config[missingKey]),
  };
}

const missingKey = 'warren.limits.missing';

function optionalLimits(
  layers: readonly ConfigLayer[],
  decision: string | undefined,
): ReadonlySet<string> {
  const optional = new Set<string>();
  for (const { config } of layers) {
    const mayMiss = (decision ?? config[missingKey]) === 'warn';
    for (const key of Object.keys(config)) {
      if (mayMiss) optional.add(key);
      else optional.delete(key);
    }
  }
  return optional;
}

/** The devices that are to be made: those that no `none` hides. */
export function visibleDevices(devices: DeviceMap): DeviceMap {
  return Object.fromEntries(Object.entries(devices).filter(([, { type }]) => type !== 'none'));
}

/** By `Object.fromEntries`, since a name such as `__proto__` must stay a name. */
function merge<T>(maps: readonly Readonly<Record<string, T>>[]): Record<string, T> {
  return Object.fromEntries(new Map(maps.flatMap((map) => Object.entries(map))));
}
