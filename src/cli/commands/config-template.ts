import { apiPath, withQuery, type Client } from '../../client/client.ts';
import { readText } from '../../client/transport.ts';
import { WarrenError } from '../../contract/errors.ts';
import { defineCommand } from '../command.ts';
import { editText, readGiven } from '../editor.ts';
import { stripRemote } from '../names.ts';
import { plainLines } from '../render/look.ts';
import { forEachName } from '../together.ts';
import { UsageError } from '../usage-error.ts';

import type { ImageMetadataView } from '../../contract/api/instances.ts';

/*
 * Templates of files, which are written into a machine when it is created, copied, renamed or
 * started.
 */

const instance = {
  kind: 'required',
  summary: 'Name of the machine',
  complete: 'instance',
} as const;
const template = {
  kind: 'required',
  summary: 'Name of the template, such as hosts.tpl',
  complete: 'template',
} as const;

function templatesPath(name: string, template?: string): string {
  const path = apiPath('instances', stripRemote(name), 'metadata', 'templates');
  return withQuery(path, { path: template });
}

async function read(client: Client, name: string, one: string): Promise<string> {
  const { body } = await client.download(templatesPath(name, one));
  return await readText(body);
}

async function write(
  client: Client,
  name: string,
  one: string,
  content: string | Uint8Array,
): Promise<void> {
  const type = { 'Content-Type': 'application/octet-stream' };
  await client.upload(templatesPath(name, one), content, type);
}

export const list = defineCommand({
  name: 'config template list',
  summary: 'Show the templates of a machine, and which files are written from them',
  examples: [{ line: 'warren config template list web', does: 'its image brought them' }],
  positionals: { instance },
  options: {},
  next: 'warren config template show NAME TEMPLATE',
  async run({ client }, args) {
    const name = stripRemote(args.instance);
    const [names, { templates }] = await Promise.all([
      client.get<string[]>(templatesPath(name)),
      client.get<ImageMetadataView>(apiPath('instances', name, 'metadata')),
    ]);
    return names.map((one) => ({
      name: one,
      files: Object.entries(templates)
        .filter(([, entry]) => entry.template === one)
        .map(([path, { when, create_only: createOnly }]) => ({ path, when, createOnly })),
    }));
  },
  render: (templates, _look, args) => ({
    table: {
      columns: [{ title: 'NAME' }, { title: 'FILE' }, { title: 'WRITTEN' }],
      rows: templates.flatMap(({ name, files }) =>
        files.length === 0
          ? [[name, '-', { text: 'never', value: '' }]]
          : files.map(({ path, when, createOnly }) => [
              name,
              path,
              {
                text: `at ${when.join(', ')}${createOnly ? ', when it is not there' : ''}`,
                value: [...when, ...(createOnly ? ['create_only'] : [])].join(', '),
              },
            ]),
      ),
      empty: `There are no templates.   next: warren config template create ${args.instance} NAME`,
    },
  }),
});

export const show = defineCommand({
  name: 'config template show',
  summary: 'Print a template',
  examples: [{ line: 'warren config template show web hosts.tpl', does: 'as it is written down' }],
  positionals: { instance, template },
  options: {},
  next: 'warren config template edit NAME TEMPLATE',
  async run({ client }, args) {
    return await read(client, args.instance, args.template);
  },
  render: (content, look) => ({ text: plainLines(look, content) }),
});

export const create = defineCommand({
  name: 'config template create',
  summary: 'Create a template, empty or from standard input',
  details: 'Which file is written from it, and when, is said with config metadata edit.',
  examples: [
    { line: 'warren config template create web motd.tpl', does: 'an empty one; fill it with edit' },
    { line: 'warren config template create web motd.tpl < motd.tpl', does: 'from a file' },
  ],
  positionals: { instance, template: { ...template, complete: [] } },
  options: {},
  next: 'warren config metadata edit NAME',
  async run(context, args) {
    const { client } = context;
    const names = await client.get<string[]>(templatesPath(args.instance));
    if (names.includes(args.template)) {
      const owner = stripRemote(args.instance);
      throw new WarrenError('exists', { kind: 'template', name: args.template, owner });
    }
    const content = (await readGiven(context)) ?? '';
    await write(client, args.instance, args.template, content);
    return undefined;
  },
});

export const edit = defineCommand({
  name: 'config template edit',
  summary: 'Change a template in an editor, or from standard input',
  examples: [{ line: 'warren config template edit web hosts.tpl', does: 'opens $EDITOR' }],
  positionals: { instance, template },
  options: {},
  next: 'warren config template show NAME TEMPLATE',
  async run(context, args) {
    const { client, terminal, stdin } = context;
    const before = await read(client, args.instance, args.template);
    const after = terminal.isInteractive
      ? await editText(context, before, '.tpl')
      : await readText(stdin);
    if (after === '') {
      const name = `template "${args.template}" of ${stripRemote(args.instance)}`;
      throw new UsageError(`Cannot change ${name}: standard input is empty`);
    }
    if (after === undefined) context.warn('nothing was changed');
    else await write(client, args.instance, args.template, after);
    return undefined;
  },
});

export const deleteTemplates = defineCommand({
  name: 'config template delete',
  summary: 'Delete templates of a machine; the files they made stay',
  examples: [{ line: 'warren config template delete web motd.tpl', does: 'for good' }],
  positionals: { instance, templates: { ...template, kind: 'some' } },
  options: {},
  next: 'warren config template list NAME',
  async run({ client }, args) {
    await forEachName(args.templates, (one) =>
      client.change('DELETE', templatesPath(args.instance, one)),
    );
    return undefined;
  },
});
