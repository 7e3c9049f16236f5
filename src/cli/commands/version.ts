import { defineCommand } from '../command.ts';

import type { Server } from '../../contract/api/server.ts';

export const version = defineCommand({
  name: 'version',
  summary: 'Versions of this program and of the daemon',
  examples: [{ line: 'warren version', does: 'both' }],
  positionals: {},
  options: {},
  next: 'warren daemon restart',
  async run(context) {
    const { environment } = await context.client.get<Server>('/1.0');
    return { client: context.version(), server: environment.server_version };
  },
  render: ({ client, server }) => ({
    text: `Client version: ${client}\nServer version: ${server}`,
  }),
});
