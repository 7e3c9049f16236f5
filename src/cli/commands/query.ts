import { defineCommand } from '../command.ts';
import { formatJson } from '../render/format.ts';
import { UsageError } from '../usage-error.ts';

import type { ApiResponse } from '../../contract/api/envelope.ts';

const methods = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'] as const;

export const query = defineCommand({
  name: 'query',
  summary: 'Send a raw request to the API',
  examples: [
    { line: 'warren query /1.0/instances/web', does: 'what the API says of it' },
    {
      line: `warren query -X PATCH -d '{"description":"shop"}' /1.0/instances/web --wait`,
      does: 'a change, until it is done',
    },
  ],
  positionals: { path: { kind: 'required', summary: 'Path: /1.0/…' } },
  options: {
    request: {
      kind: 'text',
      alias: 'X',
      value: 'METHOD',
      choices: methods,
      summary: 'GET, PUT, POST, PATCH or DELETE (GET)',
    },
    data: { kind: 'text', alias: 'd', value: 'JSON', summary: 'Body of the request' },
    wait: { kind: 'flag', summary: 'Wait for a background operation' },
    raw: { kind: 'flag', summary: 'The whole answer, envelope included' },
  },
  next: 'warren help troubleshooting',
  async run({ client }, args) {
    const path = args.path.replace(/^local:/, '');
    if (!path.startsWith('/')) throw new UsageError('Cannot query: PATH must begin with /');
    const method = (args.request ?? 'GET') as (typeof methods)[number];
    const body = args.data === undefined ? undefined : parseBody(args.data);
    const { answer }: { answer: ApiResponse<unknown> } = await client.call(method, path, body);
    if (args.wait && answer.type === 'async') return await client.wait(answer.metadata);
    return args.raw ? answer : answer.metadata;
  },
  render: (data, look) => ({ text: formatJson(data, look) }),
});

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`Cannot use -d: ${(error as Error).message}`);
  }
}
