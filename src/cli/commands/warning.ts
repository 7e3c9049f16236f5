import { apiPath } from '../../client/client.ts';
import { defineCommand } from '../command.ts';
import { idCell, timeCell } from '../render/cells.ts';
import { forEachName } from '../together.ts';
import { UsageError } from '../usage-error.ts';

import type { Warning } from '../../contract/api/warnings.ts';

const id = {
  kind: 'required',
  summary: 'Id of the warning, or its beginning',
  complete: 'warning',
} as const;

export const list = defineCommand({
  name: 'warning list',
  summary: 'Show what the daemon found wrong on its own',
  examples: [{ line: 'warren warning list', does: 'those that nobody has dealt with' }],
  positionals: {},
  options: { all: { kind: 'flag', alias: 'a', summary: 'Also acknowledged and resolved ones' } },
  next: 'warren warning acknowledge ID',
  async run({ client }, { all }) {
    const warnings = await client.get<Warning[]>('/1.0/warnings', { recursion: 1 });
    return all ? warnings : warnings.filter(({ status }) => status === 'new');
  },
  render: (warnings, { now }) => ({
    table: {
      columns: [
        { title: 'ID' },
        { title: 'SEVERITY' },
        { title: 'PROJECT' },
        { title: 'TYPE' },
        { title: 'MESSAGE' },
        { title: 'COUNT', align: 'right' },
        { title: 'LAST SEEN' },
      ],
      rows: warnings.map((warning) => [
        idCell(warning.uuid, 8),
        warning.severity,
        warning.project || '-',
        warning.type,
        warning.last_message,
        String(warning.count),
        timeCell(warning.last_seen_at, now),
      ]),
      empty: 'There are no warnings.',
    },
  }),
});

export const show = defineCommand({
  name: 'warning show',
  summary: 'Print a warning as YAML',
  examples: [
    { line: 'warren warning show 6f9c1b2a', does: 'when it was first seen, and how often' },
  ],
  positionals: { warning: id },
  options: {},
  next: 'warren warning acknowledge ID',
  async run({ client }, { warning }) {
    return await client.get<Warning>(apiPath('warnings', warning));
  },
  render: (value) => ({ yaml: value }),
});

export const acknowledge = defineCommand({
  name: 'warning acknowledge',
  summary: 'Say that you know of warnings; they are listed no more',
  examples: [
    { line: 'warren warning acknowledge 6f9c1b2a', does: 'until it is over and comes again' },
  ],
  positionals: { warnings: { ...id, kind: 'some' } },
  options: {},
  next: 'warren warning list',
  async run({ client }, { warnings }) {
    await forEachName(warnings, (warning) =>
      client.change('PUT', apiPath('warnings', warning), { status: 'acknowledged' }),
    );
    return undefined;
  },
});

export const deleteWarning = defineCommand({
  name: 'warning delete',
  summary: 'Forget warnings',
  examples: [
    { line: 'warren warning delete 6f9c1b2a', does: 'what is still wrong is told again' },
    { line: 'warren warning delete --all', does: 'every one' },
  ],
  positionals: { warnings: { ...id, kind: 'many' } },
  options: { all: { kind: 'flag', alias: 'a', summary: 'Every warning' } },
  next: 'warren warning list',
  async run({ client }, { warnings, all }) {
    if (all === warnings.length > 0) {
      throw new UsageError('Cannot delete warnings: wanted their ids, or --all');
    }
    const ids = all
      ? (await client.get<Warning[]>('/1.0/warnings', { recursion: 1 })).map(({ uuid }) => uuid)
      : warnings;
    await forEachName(ids, (warning) => client.change('DELETE', apiPath('warnings', warning)));
    return undefined;
  },
});
