import { formatCsv, formatTable } from './table.ts';
import { plainLines } from './look.ts';
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
  if (format === 'json') return data === undefined ? '' : formatJson(data, look);
  if (format === 'yaml') return data === undefined ? '' : plainLines(look, await formatYaml(data));
  const shown = view();
  if (shown === undefined) return '';
  if (!('table' in shown)) {
    if (format === 'csv') throw new UsageError('Cannot print this as csv: it is no table');
    if ('yaml' in shown) return plainLines(look, await formatYaml(shown.yaml));
    return shown.text === '' || shown.text.endsWith('\n') ? shown.text : `${shown.text}\n`;
  }
  if (format === 'csv') return plainLines(look, formatCsv(shown.table));
  return formatTable(shown.table, look, format === 'compact' ? 1 : 3);
}

/** JSON leaves control characters above U+007F as they are, which a machine may have in a name. */
export function formatJson(data: unknown, look: Look): string {
  return plainLines(look, `${JSON.stringify(data, null, 2)}\n`);
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
