import { nearestName } from '../../base/text.ts';
import { WarrenError } from '../../contract/errors.ts';
import { aliasFile, expandAlias, readAliases, writeAliases, type Aliases } from '../aliases.ts';
import { defineCommand } from '../command.ts';
import { findCommand } from '../registry.ts';
import { UsageError } from '../usage-error.ts';

import type { Context } from '../context.ts';

const alias = { kind: 'required', summary: 'Name of the alias', complete: 'alias' } as const;

export const list = defineCommand({
  name: 'alias list',
  summary: 'Show your own commands and what they stand for',
  examples: [{ line: 'warren alias list', does: 'they lie beside your machines' }],
  positionals: {},
  options: {},
  next: 'warren alias add NAME COMMAND',
  async run({ paths }) {
    const aliases = await readAliases(aliasFile(paths));
    return Object.entries(aliases).map(([name, target]) => ({ name, target }));
  },
  render: (aliases) => ({
    table: {
      columns: [{ title: 'ALIAS' }, { title: 'TARGET' }],
      rows: aliases.map(({ name, target }) => [name, target]),
      empty: "There are no aliases.   next: warren alias add up 'start --all'",
    },
  }),
});

export const add = defineCommand({
  name: 'alias add',
  summary: 'Make a command of your own from another',
  examples: [
    { line: "warren alias add ll 'list --columns ns4'", does: 'then: warren ll' },
    {
      line: "warren alias add logs 'exec @ARGS@ -- journalctl -b'",
      does: 'what follows the alias goes where @ARGS@ stands',
    },
  ],
  positionals: {
    alias: { kind: 'required', summary: 'The new word' },
    target: { kind: 'required', summary: 'The command with its options, as one text' },
  },
  options: {},
  next: 'warren alias list',
  async run({ paths }, { alias: name, target }) {
    checkName(name);
    checkTarget(name, target);
    await change(paths, (aliases) => {
      if (Object.hasOwn(aliases, name)) throw new WarrenError('exists', { kind: 'alias', name });
      return { ...aliases, [name]: target };
    });
    return undefined;
  },
});

export const rename = defineCommand({
  name: 'alias rename',
  summary: 'Give an alias another name',
  examples: [{ line: 'warren alias rename ll l', does: 'the same command' }],
  positionals: { alias, to: { kind: 'required', summary: 'The new word' } },
  options: {},
  next: 'warren alias list',
  async run({ paths }, { alias: name, to }) {
    checkName(to);
    await change(paths, (aliases) => {
      const target = find(aliases, name);
      if (Object.hasOwn(aliases, to)) throw new WarrenError('exists', { kind: 'alias', name: to });
      return { ...without(aliases, name), [to]: target };
    });
    return undefined;
  },
});

export const remove = defineCommand({
  name: 'alias remove',
  summary: 'Forget an alias',
  examples: [{ line: 'warren alias remove ll', does: 'the command itself stays' }],
  positionals: { alias },
  options: {},
  next: 'warren alias list',
  async run({ paths }, { alias: name }) {
    await change(paths, (aliases) => {
      find(aliases, name);
      return without(aliases, name);
    });
    return undefined;
  },
});

async function change(paths: Context['paths'], edit: (old: Aliases) => Aliases): Promise<void> {
  const file = aliasFile(paths);
  await writeAliases(file, edit(await readAliases(file)));
}

function find(aliases: Aliases, name: string): string {
  const target = Object.hasOwn(aliases, name) ? aliases[name] : undefined;
  if (target !== undefined) return target;
  const nearest = nearestName(name, Object.keys(aliases));
  throw new WarrenError('not_found', { kind: 'alias', name, nearest });
}

/** An alias in the place of a command would change what scripts do. */
function checkName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    throw new UsageError(`Cannot name an alias "${name}": wanted letters, digits and ._-`);
  }
  if (isCommand([name])) {
    throw new UsageError(`Cannot name an alias "${name}": warren has a command of that name`);
  }
}

function checkTarget(name: string, target: string): void {
  const words = expandAlias({ [name]: target }, [name]) ?? [];
  if (isCommand(words)) return;
  throw new UsageError(
    `Cannot make the alias "${name}": "${target}" is no command of warren`,
    'warren --help',
  );
}

function isCommand(words: readonly string[]): boolean {
  try {
    findCommand(words);
    return true;
  } catch (error) {
    if (error instanceof UsageError) return false;
    throw error;
  }
}

function without(aliases: Aliases, name: string): Aliases {
  return Object.fromEntries(Object.entries(aliases).filter(([each]) => each !== name));
}
