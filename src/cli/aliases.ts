import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { WarrenError } from '../contract/errors.ts';

import type { Paths } from '../contract/paths.ts';

/** Name → the words it stands for, as one text. */
export type Aliases = Readonly<Record<string, string>>;

/** Where a user's aliases lie. They are the client's alone: the daemon does not know of them. */
export function aliasFile({ dataDir }: Pick<Paths, 'dataDir'>): string {
  return `${dataDir}/aliases.json`;
}

/** Throws `invalid` for a file that says something else. */
export async function readAliases(file: string): Promise<Aliases> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return {};
  }
  const found = parse(text);
  if (found !== undefined) return found;
  const issues = [{ path: file, problem: 'it is no map of texts, wanted {"name": "words"}' }];
  throw new WarrenError('invalid', { what: 'read your aliases', issues });
}

/** Replaces the file as a whole: nobody reads half of it. */
export async function writeAliases(file: string, aliases: Aliases): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(`${file}.part`, `${JSON.stringify(aliases, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.part`, file);
}

/**
 * The command line that an alias stands for, or undefined. What follows the alias goes where
 * `@ARGS@` stands, or to the end.
 */
export function expandAlias(
  aliases: Aliases,
  words: readonly string[],
): readonly string[] | undefined {
  const [name = '', ...rest] = words;
  if (!Object.hasOwn(aliases, name)) return undefined;
  const target = splitWords(aliases[name] ?? '');
  const at = target.indexOf('@ARGS@');
  return at === -1 ? [...target, ...rest] : target.toSpliced(at, 1, ...rest);
}

/** Words at spaces; quotes of either kind hold one together. */
function splitWords(text: string): string[] {
  const words = text.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  return words.map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'));
}

function parse(text: string): Aliases | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isMap) return undefined;
    const isText = Object.values(value).every((words) => typeof words === 'string');
    return isText ? (value as Aliases) : undefined;
  } catch {
    return undefined;
  }
}
