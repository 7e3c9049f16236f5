import { isObjectName, nameWithout } from '../../base/names.ts';
import { formatSize, parseSize } from '../../base/units.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { validateConfig } from '../../contract/config/validate.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, VolumeRecord } from '../types.ts';

/** Throws `invalid` with every issue. */
export function checkVolume(what: string, name: string, config: StringMap): void {
  const issues: Issue[] = [...nameIssues(name), ...validateConfig(config, 'volume')];
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
}

export function checkVolumeName(what: string, name: string): void {
  const issues = nameIssues(name);
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
}

function nameIssues(name: string): Issue[] {
  if (isObjectName(nameWithout(name))) return [];
  const problem = `${JSON.stringify(nameWithout(name).slice(0, 80))} is no name, wanted 1 to 63 letters, digits, dots, dashes and underscores`;
  return [{ path: 'name', problem }];
}

/** The key `size`, in bytes; undefined is no limit. */
export function volumeSize({ config }: Pick<VolumeRecord, 'config'>): number | undefined {
  return parseSize(config['size'] ?? '');
}

/**
 * Throws `no_space` for a volume that keeps more than its `size`. No ordinary user can set a quota:
 * it holds nobody who writes, but there are no snapshots and copies of what is too large.
 */
export async function refuseBeyondSize(
  deps: Pick<EngineDeps, 'storage'>,
  what: string,
  volume: VolumeRecord,
): Promise<void> {
  const size = volumeSize(volume);
  if (size === undefined) return;
  const bytes = await deps.storage.volumes.size(volume.tree);
  if (bytes <= size) return;
  throw new WarrenError('no_space', {
    what,
    where: `the storage volume ${volume.name}: it keeps ${formatSize(bytes)}, size is ${formatSize(size)}`,
    hint: `warren storage volume set default ${volume.name} size=…`,
  });
}
