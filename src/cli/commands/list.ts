import { compareNames } from '../../base/text.ts';
import { defineCommand } from '../command.ts';
import { stripRemote } from '../names.ts';
import { defaultColumns, parseColumns } from '../render/instance-columns.ts';
import { UsageError } from '../usage-error.ts';

import type { InstanceFull } from '../../contract/api/instances.ts';

export const list = defineCommand({
  name: 'list',
  summary: 'Show all machines',
  examples: [
    { line: 'warren list', does: 'all machines' },
    { line: 'warren list -c ns4,user.owner', does: 'chosen columns, config keys among them' },
    {
      line: 'warren list status=running --format json',
      does: 'for programs, everything about them',
    },
  ],
  positionals: {
    filters: {
      kind: 'many',
      summary: 'Name (its beginning, or a regular expression), or KEY=VALUE',
      complete: 'instance',
    },
  },
  options: {
    columns: {
      kind: 'text',
      alias: 'c',
      value: 'COLUMNS',
      summary:
        'n name, s state, 4 and 6 addresses, i image, P profiles, m memory, S snapshots, t type, a architecture, b pool, c created, e project, l last used, d description, D disk, f fingerprint, N processes, p pid, u cpu; and config keys, or devices:DEVICE.KEY',
    },
    'all-projects': { kind: 'flag', summary: 'Of every project; with its name in front' },
    fast: { kind: 'flag', hidden: true, summary: 'Accepted for the sake of lxc' },
  },
  next: 'warren info NAME',
  async run({ client }, args) {
    parseColumns(columnsOf(args));
    const all = await client.get<InstanceFull[]>('/1.0/instances', {
      recursion: 2,
      ...(args['all-projects'] ? { 'all-projects': 'true' } : {}),
    });
    const filters = args.filters.map(parseFilter);
    return all
      .filter((instance) => matches(instance, filters))
      .sort((a, b) => compareNames(a.name, b.name));
  },
  render(instances, look, args) {
    const columns = parseColumns(columnsOf(args));
    return {
      table: {
        columns,
        rows: instances.map((instance) => columns.map(({ cell }) => cell(instance, look))),
        ...(args.filters.length > 0
          ? { empty: 'No machine is like that.' }
          : { empty: 'There are no machines yet.   next: warren launch debian/12 web' }),
      },
    };
  },
});

function columnsOf(args: {
  readonly columns: string | undefined;
  readonly 'all-projects': boolean;
}): string {
  return args.columns ?? (args['all-projects'] ? `e${defaultColumns}` : defaultColumns);
}

type Filter =
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'field'; readonly key: string; readonly values: readonly string[] };

function parseFilter(word: string): Filter {
  const equals = word.indexOf('=');
  if (equals <= 0) return { kind: 'name', text: stripRemote(word) };
  const values = word.slice(equals + 1).split(',');
  return { kind: 'field', key: word.slice(0, equals), values };
}

/** Any of the names, and all of the fields. */
function matches(instance: InstanceFull, filters: readonly Filter[]): boolean {
  const names = filters.flatMap((filter) => (filter.kind === 'name' ? [filter.text] : []));
  const fits = names.length === 0 || names.some((text) => isNamed(instance.name, text));
  return fits && filters.every((filter) => filter.kind === 'name' || fieldFits(instance, filter));
}

/** By how its name begins, or as in lxc by a regular expression for that. */
function isNamed(name: string, text: string): boolean {
  if (name.startsWith(text)) return true;
  if (!/[\^$.*+?()[\]{}|\\]/.test(text)) return false;
  try {
    return new RegExp(`^(?:${text})`).test(name);
  } catch {
    throw new UsageError(`Cannot look for "${text}": it is no regular expression`);
  }
}

function fieldFits(instance: InstanceFull, { key, values }: Filter & { kind: 'field' }): boolean {
  const wanted = values.map((value) => value.toLowerCase());
  return fieldValues(instance, key).some((value) => wanted.includes(value.toLowerCase()));
}

function fieldValues(instance: InstanceFull, key: string): readonly string[] {
  switch (key) {
    case 'status':
    case 'state':
      return [instance.status];
    case 'profile':
    case 'profiles':
      return instance.profiles;
    case 'name':
    case 'type':
    case 'architecture':
    case 'description':
      return [instance[key]];
    case 'ephemeral':
      return [String(instance.ephemeral)];
    default:
      return [instance.expanded_config[key] ?? ''];
  }
}
