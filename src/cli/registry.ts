import { nearestName } from '../base/text.ts';
import { commands } from './commands.ts';
import { UsageError } from './usage-error.ts';

import type { AnyCommand } from './command.ts';

/** Short words for long ones, at any place in a command's name. */
const wordAliases: Readonly<Record<string, string>> = {
  ls: 'list',
  rm: 'delete',
  cp: 'copy',
  mv: 'move',
};

/** Other names of whole commands. */
const nameAliases: Readonly<Record<string, string>> = {
  create: 'init',
  freeze: 'pause',
  unfreeze: 'resume',
  'warning ack': 'warning acknowledge',
  'alias delete': 'alias remove',
};

/** What people type who come from other programs, and what does that here. */
export const elsewhere: Readonly<Record<string, string>> = {
  attach: 'console',
  build: 'publish',
  cluster: 'info',
  commit: 'publish',
  destroy: 'delete',
  enter: 'shell',
  images: 'image list',
  inspect: 'info',
  kill: 'stop --force',
  login: 'shell',
  logs: 'console --show-log',
  port: 'config device add',
  ps: 'list',
  pull: 'image list --available',
  remote: 'image list --available',
  rmi: 'image delete',
  run: 'launch',
  stats: 'list',
  status: 'info',
  tag: 'image alias create',
  top: 'list',
  unpause: 'resume',
  volume: 'storage volume',
  wait: 'monitor',
  'image copy': 'image export',
  'image get-property': 'image show',
  'image set-property': 'image edit',
  'image unset-property': 'image edit',
  'network forward': 'config device add',
  'profile apply': 'profile assign',
  'storage create': 'storage volume create',
};

export type Found =
  | { readonly kind: 'command'; readonly name: string; readonly words: readonly string[] }
  /** Words that begin the names of several commands: `config`. */
  | { readonly kind: 'group'; readonly name: string; readonly words: readonly string[] };

/** The command that `words` begin with, and the words that are left. Throws `UsageError`. */
export function findCommand(words: readonly string[]): Found {
  const names = Object.keys(commands);
  let name = '';
  let used = 0;
  for (const word of words) {
    const candidate = extendName(names, name, word);
    if (candidate === undefined) break;
    name = candidate;
    used += 1;
    if (name in commands && !names.some((other) => other.startsWith(`${name} `))) break;
  }
  const left = words.slice(used);
  const isGroup = names.some((other) => other.startsWith(`${name} `));
  if (name in commands) return { kind: 'command', name, words: left };
  const next = left.find((word) => !word.startsWith('-'));
  if (name !== '' && isGroup && (next === undefined || next === 'help')) {
    return { kind: 'group', name, words: left };
  }
  const [option] = left;
  if (next === undefined && option !== undefined) {
    throw new UsageError(`Cannot find option ${option} of warren`, 'warren --help');
  }
  throw unknownCommand(names, name, next ?? '');
}

function extendName(names: readonly string[], name: string, word: string): string | undefined {
  const prefix = name === '' ? '' : `${name} `;
  const spelled = prefix + (wordAliases[word] ?? word);
  const candidates = [prefix + word, spelled, nameAliases[spelled] ?? ''];
  return candidates.find((candidate) =>
    names.some((other) => other === candidate || other.startsWith(`${candidate} `)),
  );
}

function unknownCommand(names: readonly string[], group: string, word: string): UsageError {
  const prefix = group === '' ? '' : `${group} `;
  const siblings = new Set(
    names
      .filter((name) => name.startsWith(prefix))
      .map((name) => name.slice(prefix.length).split(' ')[0] ?? ''),
  );
  const other = elsewhere[prefix + word];
  if (other !== undefined) {
    const hint = `warren ${other} --help`;
    return new UsageError(`Cannot find command "${prefix}${word}"; here it is "${other}"`, hint);
  }
  const longer = [...siblings].filter((sibling) => word !== '' && sibling.startsWith(word));
  const near = longer.length === 1 ? longer[0] : nearestName(word, siblings);
  return near === undefined
    ? new UsageError(`Cannot find command "${prefix}${word}"`, `warren ${prefix}--help`)
    : new UsageError(
        `Cannot find command "${prefix}${word}"; the nearest is "${prefix}${near}"`,
        `warren ${prefix}${near}`,
      );
}

/** Loads a command by its full name. */
export async function loadCommand(name: string): Promise<AnyCommand> {
  const load = commands[name];
  if (load === undefined) throw new UsageError(`Cannot find command "${name}"`, 'warren --help');
  return await load();
}

/** Names of the commands below a group, or of all. */
export function commandNames(group?: string): readonly string[] {
  const names = Object.keys(commands);
  return group === undefined ? names : names.filter((name) => name.startsWith(`${group} `));
}
