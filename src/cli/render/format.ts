import { formatCsv, formatTable } from './table.ts';
import { UsageError } from '../usage-error.ts';

import type { Look } from './look.ts';
import type { View } from '../command.ts';

export type Format = 'table' | 'json' | 'yaml' | 'csv' | 'compact';

/**
 * A command's answer as text for stdout. `view` is asked only where a person reads; programs get
 * `data` whole.
 */
export async function formatAnswer(
  format: Format,
  data: unknown,
  view: () => View | undefined,
  look: Look,
): Promise<string> {
  if (format === 'json') return data === undefined ? '' : `${JSON.stringify(data, null, 2)}\n`;
  if (format === 'yaml') return data === undefined ? '' : await formatYaml(data);
  const shown = view();
  if (shown === undefined) return '';
  if (!('table' in shown)) {
    if (format === 'csv') throw new UsageError('Cannot print this as csv: it is no table');
    if ('yaml' in shown) return await formatYaml(shown.yaml);
    return shown.text === '' || shown.text.endsWith('\n') ? shown.text : `${shown.text}\n`;
  }
  if (format === 'csv') return formatCsv(shown.table);
  return formatTable(shown.table, look, format === 'compact' ? 1 : 3);
}

/** YAML as lxc prints it: no anchors, no folding. The library is loaded when first needed. */
export async function formatYaml(data: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  // By JSON first: what is undefined is absent.
  return stringify(JSON.parse(JSON.stringify(data)) as unknown, {
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}
