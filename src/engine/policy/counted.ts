import { totalmem } from 'node:os';

import type { Expanded } from '../../contract/config/expand.ts';
import { amountsOf } from '../../contract/policy/amounts.ts';
import type { Counted } from '../../contract/policy/together.ts';
import type { EngineDeps, InstanceRecord, VolumeRecord } from '../types.ts';
import { volumeSize } from '../volumes/validate.ts';

/** Machines by what each comes to, which `expand` says. */
export function countMachines(
  records: readonly InstanceRecord[],
  expand: (record: InstanceRecord) => Expanded,
): (Counted & { readonly name: string })[] {
  return records.map((record) => ({ name: record.name, has: amountsOfMachine(expand(record)) }));
}

/** What a machine has, a part of the host's memory as bytes. */
export function amountsOfMachine(expanded: Expanded): Counted['has'] {
  return amountsOf(expanded, totalmem());
}

/** Every volume, for totals of machines. */
export function countVolumes(deps: Pick<EngineDeps, 'store'>): Counted[] {
  return deps.store.volumes
    .list()
    .filter(({ parentId }) => parentId === undefined)
    .map(({ name, config }) => countedVolume(volumeWord(name), config));
}

/** One volume, by its config. */
export function countedVolume(name: string | undefined, config: VolumeRecord['config']): Counted {
  const diskBytes = volumeSize({ config });
  return { name, isVolume: true, has: diskBytes === undefined ? {} : { diskBytes } };
}

/** What a volume is called beside machines. */
export function volumeWord(name: string): string {
  return `volume ${name}`;
}
