import { Parser } from 'yargs/helpers';

import { nearestName } from '../base/text.ts';
import { UsageError } from './usage-error.ts';

import type { AnyCommand, OptionRow, OptionRows, Positional } from './command.ts';

/** Options that every command takes. */
export const globalOptions = {
  format: {
    kind: 'text',
    value: 'FORMAT',
    choices: ['table', 'json', 'yaml', 'csv', 'compact'],
    summary: 'table, json, yaml, csv or compact',
  },
  project: { kind: 'text', value: 'NAME', summary: 'About this project', complete: 'project' },
  help: { kind: 'flag', alias: 'h', summary: 'This text' },
  quiet: { kind: 'flag', alias: 'q', summary: 'No progress, no warnings' },
  debug: { kind: 'flag', summary: 'Show the HTTP calls' },
} as const satisfies OptionRows;

export type Parsed = Readonly<Record<string, unknown>>;

/**
 * The words and options after a command's name as its tables want them. Throws `UsageError` with
 * the nearest option or the usage line. With `--help` among the options nothing else is checked.
 */
export function parseArguments(command: AnyCommand, words: readonly string[]): Parsed {
  const rows: OptionRows = { ...withLetter(command), ...command.options };
  const { own, rest } = splitRest(command, rows, words);
  refuseWithoutValue(command, rows, own);
  const names = Object.keys(rows);
  const parsed = Parser(detachValues(rows, own), {
    alias: Object.fromEntries(
      names.flatMap((name) => (rows[name]?.alias === undefined ? [] : [[rows[name].alias, name]])),
    ),
    boolean: names.filter((name) => rows[name]?.kind === 'flag'),
    string: names.filter((name) => rows[name]?.kind !== 'flag'),
    array: names.filter((name) => rows[name]?.kind === 'list'),
    configuration: {
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'duplicate-arguments-array': true,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'populate--': true,
      'unknown-options-as-args': true,
    },
  }) as unknown as Readonly<Record<string, unknown>> & { readonly _: readonly string[] };

  const options: Record<string, unknown> = {};
  for (const name of names) {
    const row = rows[name];
    if (row !== undefined) options[name] = optionValue(name, row, parsed[name]);
  }
  if (options['help'] === true) return options;
  for (const word of parsed._) {
    if (/^-./.test(word)) throw unknownOption(command, rows, word);
  }
  const after = (parsed['--'] as readonly string[] | undefined) ?? [];
  return { ...options, ...assign(command, [...parsed._, ...after], rest) };
}

/** lxc's `-f json`, where the command has no -f of its own. */
function withLetter({ options }: AnyCommand): OptionRows {
  const isTaken = Object.values(options).some(({ alias }) => alias === 'f');
  const { format } = globalOptions;
  return isTaken ? globalOptions : { ...globalOptions, format: { ...format, alias: 'f' } };
}

/** The parser gives an option at the very end the empty value, without a word. */
function refuseWithoutValue(command: AnyCommand, rows: OptionRows, words: readonly string[]): void {
  const end = words.indexOf('--');
  const own = end === -1 ? words : words.slice(0, end);
  for (let index = 0; index < own.length; index++) {
    const word = own[index] ?? '';
    if (!word.startsWith('-') || !takesNextWord(rows, word)) continue;
    index += 1;
    if (index < own.length) continue;
    throw new UsageError(
      `Cannot use ${word}: its value is missing`,
      `warren ${command.name} --help`,
    );
  }
}

function optionValue(name: string, row: OptionRow, value: unknown): unknown {
  if (row.kind === 'flag') return value === true || (Array.isArray(value) && value.includes(true));
  if (row.kind === 'list') {
    const texts = value === undefined ? [] : (value as unknown[]).map(String);
    for (const text of texts) refuseOther(name, row, text);
    return texts;
  }
  const last: unknown = Array.isArray(value) ? value.at(-1) : value;
  if (typeof last !== 'string') return undefined;
  const text = last;
  refuseOther(name, row, text);
  if (row.kind === 'text') return text;
  const number = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(number)) {
    throw new UsageError(`Cannot use --${name} ${text}: wanted a number`);
  }
  return number;
}

function refuseOther(name: string, { choices }: OptionRow, text: string): void {
  if (choices === undefined || choices.includes(text)) return;
  throw new UsageError(`Cannot use --${name} ${text}: wanted one of ${choices.join(', ')}`);
}

/**
 * Everything from the command of `exec` on belongs to that command. It begins after `--`, or with
 * the first word after the other positionals.
 */
function splitRest(
  command: AnyCommand,
  rows: OptionRows,
  words: readonly string[],
): { readonly own: readonly string[]; readonly rest: readonly string[] } {
  const kinds = Object.values(command.positionals).map(({ kind }) => kind);
  if (kinds.at(-1) !== 'rest') return { own: words, rest: [] };
  let before = kinds.length - 1;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--') return { own: words.slice(0, index), rest: words.slice(index + 1) };
    if (/^-./.test(word)) {
      if (takesNextWord(rows, word)) index += 1;
    } else if (before > 0) before -= 1;
    else return { own: words.slice(0, index), rest: words.slice(index) };
  }
  return { own: words, rest: [] };
}

/** `-u0` and `-eKEY=VALUE` as two words each: the parser takes them for options of that name. */
function detachValues(rows: OptionRows, words: readonly string[]): string[] {
  const end = words.indexOf('--');
  return words.flatMap((word, index) => {
    const [, letter = '', value = ''] = /^-([A-Za-z0-9])(.+)$/s.exec(word) ?? [];
    const row = Object.values(rows).find(({ alias }) => alias === letter);
    const isBefore = end === -1 || index < end;
    return isBefore && row !== undefined && row.kind !== 'flag'
      ? [`-${letter}`, value.replace(/^=/, '')]
      : [word];
  });
}

/** `--user 0` and `-u 0`, not `--user=0`, `-u0` or a flag. */
export function takesNextWord(rows: OptionRows, word: string): boolean {
  if (word.includes('=')) return false;
  const row = word.startsWith('--')
    ? rows[word.slice(2)]
    : Object.values(rows).find(({ alias }) => alias !== undefined && word === `-${alias}`);
  return row !== undefined && row.kind !== 'flag';
}

function assign(
  command: AnyCommand,
  words: readonly string[],
  rest: readonly string[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const left = [...words];
  const entries = Object.entries(command.positionals);
  for (const [index, [name, { kind }]] of entries.entries()) {
    // Words that later positionals cannot do without: `config get [INSTANCE] KEY`.
    const later = entries
      .slice(index + 1)
      .filter(([, row]) => row.kind === 'required' || row.kind === 'some').length;
    const spare = Math.max(0, left.length - later);
    if (kind === 'rest') values[name] = [...left.splice(0), ...rest];
    else if (kind === 'some' || kind === 'many') {
      const taken = left.splice(0, spare);
      if (kind === 'some' && taken.length === 0) throw missing(command, name);
      values[name] = taken;
    } else if (kind === 'optional') values[name] = spare > 0 ? left.shift() : undefined;
    else {
      const word = left.shift();
      if (word === undefined) throw missing(command, name);
      values[name] = word;
    }
  }
  if (left.length > 0) {
    throw new UsageError(
      `Cannot use "${left.join(' ')}": ${command.name} takes no more words`,
      usageLine(command),
    );
  }
  return values;
}

function missing(command: AnyCommand, name: string): UsageError {
  return new UsageError(
    `Cannot run warren ${command.name}: ${labelOf(name, command.positionals[name])} is missing`,
    usageLine(command),
  );
}

function unknownOption(command: AnyCommand, rows: OptionRows, word: string): UsageError {
  const given = word.replace(/=.*/, '');
  const near = given.startsWith('--') ? nearestName(given.slice(2), Object.keys(rows)) : undefined;
  const nearest = near === undefined ? '' : `; the nearest is --${near}`;
  return new UsageError(
    `Cannot find option ${given} of ${command.name}${nearest}`,
    `warren ${command.name} --help`,
  );
}

/** `warren exec INSTANCE [COMMAND…]`. */
export function usageLine(command: AnyCommand): string {
  return ['warren', command.name, ...Object.entries(command.positionals).map(positionalText)].join(
    ' ',
  );
}

/** What stands for a positional where people read of it; of several, for one. */
export function labelOf(name: string, row: Positional | undefined): string {
  const isMany = row?.kind === 'some' || row?.kind === 'many';
  return row?.label ?? name.replace(isMany ? /s$/ : '', '').toUpperCase();
}

function positionalText([name, row]: [string, Positional]): string {
  const word = labelOf(name, row);
  switch (row.kind) {
    case 'required':
      return word;
    case 'optional':
      return `[${word}]`;
    case 'some':
      return `${word}…`;
    case 'many':
      return `[${word}…]`;
    case 'rest':
      return `[--] ${word}…`;
  }
}
