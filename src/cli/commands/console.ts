import { attachConsole } from '../../client/console.ts';
import { apiPath } from '../../client/client.ts';
import { readText } from '../../client/transport.ts';
import { defineCommand } from '../command.ts';
import { detachFilter, parseDetachKeys } from '../detach-keys.ts';
import { stripRemote } from '../names.ts';
import { plainConsole } from '../render/look.ts';
import { UsageError } from '../usage-error.ts';
import { write } from '../write.ts';

import { pipeline } from 'node:stream/promises';

export const console = defineCommand({
  name: 'console',
  summary: 'Attach to the console of a machine',
  details: 'ctrl-a q leaves it. The console is there from the first moment of the boot on.',
  examples: [
    { line: 'warren console web', does: 'as if you sat in front of it' },
    { line: 'warren console web --show-log', does: 'what it said so far' },
  ],
  positionals: {
    instance: { kind: 'required', summary: 'Name of the machine', complete: 'running-instance' },
  },
  options: {
    'show-log': { kind: 'flag', summary: 'Print what the console said and return' },
    'detach-keys': {
      kind: 'text',
      value: 'KEYS',
      summary: 'Keys that leave it (ctrl-a,q)',
    },
    type: {
      kind: 'text',
      hidden: true,
      choices: ['console'],
      summary: 'Accepted for the sake of lxc',
    },
  },
  next: 'warren shell NAME',
  async run(context, args) {
    const { client, terminal, stdin, stdout, stderr } = context;
    const instance = stripRemote(args.instance);
    if (args['show-log']) {
      const { body } = await client.download(apiPath('instances', instance, 'console'));
      if (stdout.isTTY === true) await write(stdout, plainConsole(await readText(body)));
      else await pipeline(body, stdout, { end: false });
      return undefined;
    }
    const keys = args['detach-keys'] ?? 'ctrl-a,q';
    const filter = detachFilter(parseDetachKeys(keys));
    if (!terminal.isInteractive) {
      throw new UsageError(
        'Cannot attach to a console: this is no terminal',
        `warren console ${instance} --show-log`,
      );
    }
    const how = await terminal.raw(() =>
      attachConsole(client, instance, terminal.size(), {
        stdin,
        stdout,
        filter,
        attach: (control) => {
          const leave = keys.replaceAll(',', ' ');
          stderr.write(`Attached to the console of ${instance}; ${leave} leaves it.\r\n`);
          return terminal.followSize(control);
        },
      }),
    );
    stderr.write(how === 'detached' ? '\r\n' : `\r\n${instance} has ended.\n`);
    return undefined;
  },
});
