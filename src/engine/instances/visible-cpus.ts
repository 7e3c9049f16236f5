import type { StringMap } from '../../contract/api/instances.ts';
import { readString } from '../../contract/config/read.ts';

/**
 * The CPUs that programs in a machine with `limits.cpu=2` find, by their affinity: two of the
 * host's, others for each machine. The time of two is what the kernel holds it to (`cpu.max`), and
 * its root may choose other CPUs to spend it on. Undefined: all. A set of CPUs is held by its
 * cpuset.
 */
export function visibleCpus(
  config: StringMap,
  instanceId: number,
  host: readonly number[],
): readonly number[] | undefined {
  const count = Number(/^\d+$/.exec(readString(config, 'limits.cpu') ?? '')?.[0] ?? 0);
  if (count === 0 || count >= host.length) return undefined;
  const first = (instanceId * count) % host.length;
  return Array.from({ length: count }, (_, index) => host[(first + index) % host.length] ?? 0).sort(
    (a, b) => a - b,
  );
}
