import { paint, plain, type Look } from './look.ts';

import type { StorageReport } from '../../contract/api/storage-check.ts';

/** What was looked at, then each problem with what mends it, then the verdict. */
export function formatStorageReport({ counts, problems }: StorageReport, look: Look): string {
  const { instances, snapshots, images, volumes, layers, references } = counts;
  const looked = [
    count(instances, 'machine'),
    count(snapshots, 'snapshot'),
    count(images, 'image'),
    count(volumes, 'volume'),
  ].join(', ');
  const lines = problems.flatMap(({ problem, remedy, repaired }) => [
    `${repaired ? paint(look, 'green', '✔') : paint(look, 'red', '✘')} ${plain(problem)}${repaired ? ': removed' : ''}`,
    ...(remedy === undefined || repaired ? [] : [`    ${plain(remedy)}`]),
  ]);
  const left = problems.filter(({ repaired }) => !repaired);
  const mendable = left.some(({ remedy }) => remedy === undefined);
  return [
    `${looked}; ${count(layers, 'layer')} with ${count(references, 'reference')} to them`,
    ...lines,
    left.length === 0
      ? 'The storage is in order.'
      : `${count(left.length, 'problem')}.${mendable ? '    warren doctor --storage --repair' : ''}`,
    '',
  ].join('\n');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
