import { parseSize } from '../../base/units.ts';
import type { Counted } from '../../contract/policy/together.ts';
import type { EngineDeps, VolumeRecord } from '../types.ts';

/** Every volume, for totals of machines. */
export function countVolumes(deps: Pick<EngineDeps, 'store'>): Counted[] {
  return deps.store.volumes
    .list()
    .filter(({ parentId }) => parentId === undefined)
    .map(({ name, config }) => countedVolume(volumeWord(name), config));
}

/** One volume, by its config. */
export function countedVolume(name: string | undefined, config: VolumeRecord['config']): Counted {
  const diskBytes = parseSize(config['size'] ?? '');
  return { name, isVolume: true, has: diskBytes === undefined ? {} : { diskBytes } };
}

/** What a volume is called beside machines. */
export function volumeWord(name: string): string {
  return `volume ${name}`;
}
