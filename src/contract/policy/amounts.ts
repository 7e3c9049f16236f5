import { parseCpuSet } from '../../base/cpus.ts';
import { parseSize } from '../../base/units.ts';
import type { ConfigLayer } from '../config/expand.ts';
import { visibleDevices } from '../config/expand.ts';
import { effectiveLimits } from '../config/limits.ts';
import type { Ceilings } from './policy.ts';

/**
 * What a machine is held to at most, by its expanded config; a field is absent where nothing holds
 * it. Memory counts only with `limits.memory.enforce=hard`: a soft limit lets it have more.
 */
export function amountsOf(expanded: ConfigLayer, hostMemoryBytes: number): Ceilings {
  const { limits } = effectiveLimits(
    { config: expanded.config, optionalLimits: new Set() },
    { memoryBytes: hostMemoryBytes, controllers: [] },
  );
  const cpuTime =
    limits.cpuMax === undefined ? Infinity : limits.cpuMax.quotaUs / limits.cpuMax.periodUs;
  const pinned = parseCpuSet(limits.cpuset ?? '')?.length ?? Infinity;
  const cpus = Math.min(cpuTime, pinned);
  const disk = Object.values(visibleDevices(expanded.devices)).find(
    (device) => device['type'] === 'disk' && device['path'] === '/',
  );
  const diskBytes = parseSize(disk?.['size'] ?? '');
  return {
    ...(limits.memoryMaxBytes === undefined ? {} : { memoryBytes: limits.memoryMaxBytes }),
    ...(cpus === Infinity ? {} : { cpus }),
    ...(limits.pidsMax === undefined ? {} : { processes: limits.pidsMax }),
    ...(diskBytes === undefined ? {} : { diskBytes }),
  };
}
