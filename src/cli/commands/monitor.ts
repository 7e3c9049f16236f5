import { watchEvents } from '../../client/events.ts';
import { defineCommand } from '../command.ts';
import { plain } from '../render/look.ts';

import type { Event, LifecycleMetadata, LoggingMetadata } from '../../contract/api/events.ts';
import type { Operation } from '../../contract/api/operations.ts';

export const monitor = defineCommand({
  name: 'monitor',
  summary: 'Show what happens, as it happens',
  examples: [
    { line: 'warren monitor', does: 'until ctrl-c' },
    { line: 'warren monitor --type lifecycle --format json', does: 'one JSON object a line' },
  ],
  positionals: {},
  options: {
    type: {
      kind: 'list',
      value: 'TYPE',
      summary: 'Only operation, lifecycle or logging (again for more)',
      choices: ['operation', 'lifecycle', 'logging'],
    },
    pretty: { kind: 'flag', hidden: true, summary: 'The default; accepted for the sake of lxc' },
  },
  next: 'warren operation list',
  async run(context, args) {
    const { format } = args as unknown as { format?: string };
    for await (const event of watchEvents(context.client, args.type)) {
      context.print(format === 'json' ? JSON.stringify(event) : formatEvent(event));
    }
    return undefined;
  },
});

/** `10:02:11  lifecycle  instance-started  /1.0/instances/web`. */
export function formatEvent({ type, timestamp, metadata }: Event): string {
  const time = new Date(timestamp).toTimeString().slice(0, 8);
  return `${time}  ${type.padEnd(9)}  ${plain(textOf(type, metadata))}`;
}

function textOf(type: Event['type'], metadata: unknown): string {
  switch (type) {
    case 'lifecycle': {
      const { action, source } = metadata as LifecycleMetadata;
      return `${action}  ${source}`;
    }
    case 'operation': {
      const { description, status, err, resources } = metadata as Operation;
      const urls = Object.values(resources).flat().join(' ');
      return `${description}: ${status.toLowerCase()}${err === '' ? '' : ` (${err})`}  ${urls}`;
    }
    case 'logging': {
      const { level, message, context } = metadata as LoggingMetadata;
      const words = Object.entries(context).map(([key, value]) => `${key}=${value}`);
      return [level, message, ...words].join(' ');
    }
  }
}
