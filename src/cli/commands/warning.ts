import { defineCommand } from '../command.ts';
import { formatRelative, parseTime } from '../render/time.ts';

import type { Warning } from '../../contract/api/warnings.ts';

export const list = defineCommand({
  name: 'warning list',
  summary: 'Show what the daemon found wrong on its own',
  examples: [{ line: 'warren warning list', does: 'those that nobody has dealt with' }],
  positionals: {},
  options: { all: { kind: 'flag', alias: 'a', summary: 'Also those that are over' } },
  next: 'warren doctor',
  async run({ client }, { all }) {
    const warnings = await client.get<Warning[]>('/1.0/warnings', { recursion: 1 });
    return all ? warnings : warnings.filter(({ status }) => status !== 'resolved');
  },
  render: (warnings, { now }) => ({
    table: {
      columns: [
        { title: 'SEVERITY' },
        { title: 'TYPE' },
        { title: 'MESSAGE' },
        { title: 'COUNT', align: 'right' },
        { title: 'LAST SEEN' },
      ],
      rows: warnings.map(({ severity, type, last_message: message, count, last_seen_at: at }) => [
        severity,
        type,
        message,
        String(count),
        formatRelative(parseTime(at), now),
      ]),
      empty: 'There are no warnings.',
    },
  }),
});
