import { commands } from '../commands.ts';
import { groupSummaries } from '../help.ts';
import { globalOptions, takesNextWord } from '../parse.ts';
import { loadCommand } from '../registry.ts';
import { sourceOf } from './sources.ts';

import type { AnyCommand, Completer, OptionRow, OptionRows } from '../command.ts';
import type { Context } from '../context.ts';

/**
 * What may stand at the cursor, and a few words about it. `:files` stands for files of the host.
 */
export interface Candidate {
  readonly value: string;
  readonly about?: string;
}

export const files: readonly Candidate[] = [{ value: ':files' }];

/** Candidates for the last of `words`, which may be empty. */
export async function findCandidates(
  context: Context,
  words: readonly string[],
): Promise<readonly Candidate[]> {
  const current = words.at(-1) ?? '';
  const before = withoutGlobals(words.slice(0, -1));
  if (before.length === 1 && before[0] === '--project') {
    const projects = await sourceOf('project')(context, [], current);
    return projects.filter(({ value }) => value.startsWith(current));
  }
  const { name, left } = matchName(before);
  if (name === undefined || !(name in commands)) return nextWords(before.join(' '), current);
  const command = await loadCommand(name);
  const rows: OptionRows = { ...globalOptions, ...command.options };
  // `snapshot` is a command and begins others.
  const verbs = left.length === 0 ? await nextWords(name, current) : [];
  const completer = completerFor(command, rows, left, current);
  if (completer === undefined) return verbs;
  const all = await completer(context, left, current);
  const isFiles = all.some(({ value }) => value === ':files');
  return isFiles ? all : [...verbs, ...all.filter(({ value }) => value.startsWith(current))];
}

/** The words from the command's name on; `--project` alone where its value is still to come. */
function withoutGlobals(words: readonly string[]): readonly string[] {
  const at = words.findIndex(
    (word, index) =>
      !/^(--debug|--quiet|-q|--project=.*)$/.test(word) &&
      !(word === '--project' && index + 1 < words.length) &&
      words[index - 1] !== '--project',
  );
  return at === -1 ? [] : words.slice(at);
}

/** The value of `--project` in what was typed so far. */
export function projectIn(words: readonly string[]): string | undefined {
  const typed = words.slice(0, -1);
  const end = typed.includes('--') ? typed.indexOf('--') : typed.length;
  const at = typed.lastIndexOf('--project', end);
  const joined = typed.slice(0, end).findLast((word) => word.startsWith('--project='));
  return at === -1 ? joined?.slice('--project='.length) : typed[at + 1];
}

function matchName(words: readonly string[]): {
  readonly name: string | undefined;
  readonly left: readonly string[];
} {
  for (let length = Math.min(3, words.length); length > 0; length--) {
    const name = words.slice(0, length).join(' ');
    if (name in commands) return { name, left: words.slice(length) };
  }
  return { name: undefined, left: words };
}

/** The next word of commands that begin as those already there. */
async function nextWords(group: string, current: string): Promise<readonly Candidate[]> {
  const prefix = group === '' ? '' : `${group} `;
  const found = new Map<string, string>();
  for (const name of Object.keys(commands)) {
    if (!name.startsWith(prefix)) continue;
    const [word = '', ...more] = name.slice(prefix.length).split(' ');
    if (word.startsWith(current) && !found.has(word)) {
      const isGroup = more.length > 0;
      const about = isGroup ? groupSummaries[prefix + word] : (await loadCommand(name)).summary;
      found.set(word, about ?? '');
    }
  }
  return [...found].map(([value, about]) => ({ value, about }));
}

type Complete = (
  context: Context,
  words: readonly string[],
  current: string,
) => Promise<readonly Candidate[]>;

function completerFor(
  command: AnyCommand,
  rows: OptionRows,
  words: readonly string[],
  current: string,
): Complete | undefined {
  const previous = words.at(-1) ?? '';
  if (/^-./.test(previous) && takesNextWord(rows, previous)) {
    return byOption(optionOf(rows, previous));
  }
  const equals = /^--([^=]+)=/.exec(current);
  if (equals !== null) return undefined;
  if (current.startsWith('-')) {
    return async () =>
      await Promise.resolve(
        Object.entries(rows)
          .filter(([, { hidden }]) => hidden !== true)
          .map(([name, { summary }]) => ({ value: `--${name}`, about: summary })),
      );
  }
  const entries = Object.values(command.positionals);
  const index = countPositionals(rows, words);
  const row = entries[Math.min(index, entries.length - 1)];
  if (row?.complete === undefined) return row?.kind === 'rest' ? toFiles : undefined;
  const isOver = index >= entries.length && !['some', 'many'].includes(row.kind);
  // `file pull web/a web/b HERE`: after many words may come one of the next kind.
  const next = entries[entries.indexOf(row) + 1];
  if (isOver) return undefined;
  return row.kind === 'some' && next?.complete !== undefined && index > 0
    ? both(toCompleter(row.complete), toCompleter(next.complete))
    : toCompleter(row.complete);
}

function optionOf(rows: OptionRows, word: string): OptionRow | undefined {
  return word.startsWith('--')
    ? rows[word.slice(2)]
    : Object.values(rows).find(({ alias }) => alias !== undefined && word.endsWith(alias));
}

function byOption(row: OptionRow | undefined): Complete | undefined {
  if (row?.choices !== undefined) return toCompleter(row.choices);
  return row?.complete === undefined ? undefined : toCompleter(row.complete);
}

const toFiles: Complete = async () => await Promise.resolve(files);

function toCompleter(completer: Completer): Complete {
  if (typeof completer !== 'string') {
    return async () => await Promise.resolve(completer.map((value) => ({ value })));
  }
  return completer === 'file' ? toFiles : sourceOf(completer);
}

function both(one: Complete, other: Complete): Complete {
  return async (context, words, current) => {
    const [first, second] = await Promise.all([
      one(context, words, current),
      other(context, words, current),
    ]);
    return [...first, ...second];
  };
}

function countPositionals(rows: OptionRows, words: readonly string[]): number {
  let count = 0;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (/^-./.test(word)) {
      if (takesNextWord(rows, word)) index += 1;
    } else count += 1;
  }
  return count;
}
