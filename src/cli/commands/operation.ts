import { apiPath } from '../../client/client.ts';
import { defineCommand } from '../command.ts';
import { stepOf } from '../progress.ts';
import { idCell, timeCell } from '../render/cells.ts';

import type { Operation } from '../../contract/api/operations.ts';

const operation = {
  kind: 'required',
  summary: 'Id of the operation, or its beginning',
  complete: 'operation',
} as const;

export const list = defineCommand({
  name: 'operation list',
  summary: 'Show what the daemon is doing',
  examples: [{ line: 'warren operation list', does: 'and what it has just done' }],
  positionals: {},
  options: {},
  next: 'warren operation show ID',
  async run({ client }) {
    const byStatus = await client.get<Readonly<Record<string, Operation[]>>>('/1.0/operations', {
      recursion: 1,
    });
    return Object.values(byStatus).flat();
  },
  render: (operations, { now }) => ({
    table: {
      columns: [
        { title: 'ID' },
        { title: 'DESCRIPTION' },
        { title: 'STATUS' },
        { title: 'PROGRESS' },
        { title: 'CREATED' },
        { title: 'CANCELABLE' },
      ],
      rows: operations.map(({ id, description, status, metadata, created_at: at, may_cancel }) => [
        idCell(id, 8),
        description,
        status.toLowerCase(),
        stepOf(metadata).stage ?? '-',
        timeCell(at, now),
        may_cancel ? 'yes' : 'no',
      ]),
      empty: 'Nothing is under way.',
    },
  }),
});

export const show = defineCommand({
  name: 'operation show',
  summary: 'Print an operation as YAML',
  examples: [{ line: 'warren operation show 6f9c1b2a', does: 'with its progress' }],
  positionals: { operation },
  options: {},
  next: 'warren operation delete ID',
  async run({ client }, { operation: id }) {
    return await client.get<Operation>(apiPath('operations', id));
  },
  render: (value) => ({ yaml: value }),
});

export const deleteOperation = defineCommand({
  name: 'operation delete',
  summary: 'Cancel an operation',
  examples: [{ line: 'warren operation delete 6f9c1b2a', does: 'what it did is undone' }],
  positionals: { operation },
  options: {},
  next: 'warren operation list',
  async run({ client }, { operation: id }) {
    await client.change('DELETE', apiPath('operations', id));
    return undefined;
  },
});
