import { formatSize } from '../../base/units.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import { togetherIssues } from '../../contract/policy/together.ts';
import { expander } from '../instances/list.ts';
import type { EngineDeps, VolumeRecord } from '../types.ts';
import { volumeSize } from '../volumes/validate.ts';
import { countMachines, countVolumes, countedVolume, volumeWord } from './counted.ts';
import { findPolicy } from './policy.ts';

/**
 * Holds the administrator's policy against a volume that is about to be made (without `current`) or
 * changed: disk is disk, be it of a machine or beside it. Throws `policy`.
 */
export function checkVolumePolicy(
  deps: Pick<EngineDeps, 'policy' | 'store'>,
  what: string,
  current: VolumeRecord | undefined,
  next: Pick<VolumeRecord, 'name' | 'config'>,
): void {
  const policy = findPolicy(deps, what);
  if (policy === undefined) return;
  const size = volumeSize(next);
  const issues: Issue[] = [];
  const most = policy.each.diskBytes;
  if (most !== undefined && (size === undefined || size > most)) {
    const found = size === undefined ? 'no size is set' : `${formatSize(size)} is too much`;
    issues.push({ path: 'config.size', problem: `${found}, each.disk allows ${formatSize(most)}` });
  }
  const machines = countMachines(deps.store.instances.list(), expander(deps));
  const volumes = countVolumes(deps);
  const others = volumes.filter(({ name }) => name !== volumeWord(current?.name ?? ''));
  const after = [...machines, ...others, countedVolume(undefined, next.config)];
  issues.push(
    ...togetherIssues({ ...policy, machines: Infinity }, after, [...machines, ...volumes])
      .filter(({ path }) => path === diskPath)
      .map(({ problem }) => ({ path: 'config.size', problem })),
  );
  if (issues.length > 0) throw new WarrenError('policy', { what, file: deps.policy.file, issues });
}

/** As `amounts` of the policy has it for machines. */
const diskPath = 'devices.root.size';
