import { parseCompression, type Compression } from '../../contract/compression.ts';
import { settingIn, type SharedSetting } from '../../engine/projects/settings.ts';
import { valueProblem } from '../../contract/config/values.ts';
import type { EngineDeps } from '../../engine/types.ts';
import type { Fields } from '../http/fields.ts';

/**
 * `compression_algorithm`, else what `key` says in the project, else undefined: the best there is.
 * What is wrong with it is an issue of `fields`.
 */
export function readCompression(
  fields: Fields,
  engine: Pick<EngineDeps, 'store'>,
  project: string,
  key: Extract<SharedSetting, `${string}.compression_algorithm`>,
): Compression | undefined {
  const given = fields.string('compression_algorithm') ?? '';
  const problem = valueProblem(row, given);
  if (problem !== undefined) fields.issue(row.key, problem);
  const text = given === '' ? (settingIn(engine, project, key) ?? '') : given;
  return parseCompression(text);
}

const row = { key: 'compression_algorithm', type: 'compression', live: true, summary: '' } as const;
