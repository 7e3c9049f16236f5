import type { KeyRow } from '../../contract/config/key.ts';
import type { ConfigContext } from '../../contract/config/validate.ts';
import type { Candidate } from './candidates.ts';

/** The names of keys; those of many have only their beginning. */
export async function keyNames(context: ConfigContext): Promise<readonly Candidate[]> {
  return (await rowsOf(context)).map(({ key, summary }) => ({
    value: key.replace(/\*$/, ''),
    about: summary,
  }));
}

/** `KEY=`, and behind it the values of a key that has only a few. */
export async function keyPairs(
  context: ConfigContext,
  current: string,
): Promise<readonly Candidate[]> {
  const rows = await rowsOf(context);
  const equals = current.indexOf('=');
  if (equals === -1) {
    return rows.map(({ key, summary }) => ({
      value: key.endsWith('*') ? key.slice(0, -1) : `${key}=`,
      about: summary,
    }));
  }
  const name = current.slice(0, equals);
  const row = rows.find(({ key }) => key === name);
  if (row === undefined) return [];
  return (await valuesOf(row)).map((value) => ({
    value: `${name}=${value}`,
    ...(value === row.default ? { about: 'default' } : {}),
  }));
}

async function valuesOf({ type, values, also = [] }: KeyRow): Promise<readonly string[]> {
  if (values !== undefined) return [...values, ...also];
  if (type === 'bool' || type === 'size-or-bool') return ['true', 'false', ...also];
  if (type !== 'compression') return also;
  const { compressions } = await import('../../contract/compression.ts');
  return [...compressions, ...also];
}

async function rowsOf(context: ConfigContext): Promise<readonly KeyRow[]> {
  const { configTables } = await import('../../contract/config/validate.ts');
  return configTables[context].rows.filter(
    ({ instanceOnly }) => context !== 'profile' || instanceOnly !== true,
  );
}
