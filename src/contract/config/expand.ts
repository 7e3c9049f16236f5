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

/** What an administrator's policy adds to every machine. */
export interface Imposed {
  /** Keys that win over all. */
  readonly force: StringMap;
  /** Limits that no machine may start without. */
  readonly held: readonly string[];
}

const nothingImposed: Imposed = { force: {}, held: [] };

/**
 * LXD's merge: later profiles win over earlier ones and the instance over all; config per key,
 * devices whole. A device of type `none` stays as such and so hides one of that name; nothing is
 * made of it. What a policy imposes wins over everything.
 */
export function expand(
  profiles: readonly ConfigLayer[],
  instance: ConfigLayer,
  { force, held }: Imposed = nothingImposed,
): Expanded {
  const layers = [...profiles, instance];
  const optional = optionalLimits(layers, instance.config[missingKey]);
  for (const key of held) optional.delete(key);
  return {
    config: merge([...layers.map((layer) => layer.config), force]),
    devices: merge(layers.map((layer) => layer.devices)),
    optionalLimits: optional,
  };
}

const missingKey = 'warren.limits.missing';

function optionalLimits(layers: readonly ConfigLayer[], decision: string | undefined): Set<string> {
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

/** By spreading, which assigns nothing: a name such as `__proto__` stays a name. */
function merge<T>(maps: readonly Readonly<Record<string, T>>[]): Record<string, T> {
  return maps.reduce<Record<string, T>>((all, map) => ({ ...all, ...map }), {});
}
