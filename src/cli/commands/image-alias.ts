import { apiPath } from '../../client/client.ts';
import { resolveImage } from '../../client/images.ts';
import { defineCommand } from '../command.ts';
import { stripRemote } from '../names.ts';
import { idCell } from '../render/cells.ts';

import type { ImageAliasEntry, ImageAliasesPost } from '../../contract/api/images.ts';

const alias = { kind: 'required', summary: 'Alias', complete: 'image' } as const;

export const list = defineCommand({
  name: 'image alias list',
  summary: 'Show all aliases of images',
  examples: [{ line: 'warren image alias list', does: 'and what each names' }],
  positionals: {},
  options: {},
  next: 'warren image alias create NAME IMAGE',
  async run({ client }) {
    return await client.get<ImageAliasEntry[]>('/1.0/images/aliases', { recursion: 1 });
  },
  render: (aliases) => ({
    table: {
      columns: [{ title: 'ALIAS' }, { title: 'FINGERPRINT' }, { title: 'DESCRIPTION' }],
      rows: aliases.map(({ name, target, description }) => [name, idCell(target, 12), description]),
      empty: 'There are no aliases.',
    },
  }),
});

export const create = defineCommand({
  name: 'image alias create',
  summary: 'Give an image one more name',
  examples: [
    {
      line: 'warren image alias create lab debian/12',
      does: 'warren launch lab works from now on',
    },
  ],
  positionals: { name: { kind: 'required', summary: 'The new alias' }, image: alias },
  options: { description: { kind: 'text', value: 'TEXT', summary: 'What it is for' } },
  next: 'warren launch ALIAS NAME',
  async run({ client }, { name, image, description }) {
    await client.change('POST', apiPath('images', 'aliases'), {
      name: stripRemote(name),
      description: description ?? '',
      target: await resolveImage(client, stripRemote(image)),
      type: 'container',
    } satisfies ImageAliasesPost);
    return undefined;
  },
});

export const rename = defineCommand({
  name: 'image alias rename',
  summary: 'Change an alias',
  examples: [{ line: 'warren image alias rename lab course', does: 'names the same image' }],
  positionals: { from: alias, to: { kind: 'required', summary: 'The new alias' } },
  options: {},
  next: 'warren image alias list',
  async run({ client }, { from, to }) {
    const path = apiPath('images', 'aliases', stripRemote(from));
    await client.change('POST', path, { name: stripRemote(to) });
    return undefined;
  },
});

export const deleteAlias = defineCommand({
  name: 'image alias delete',
  summary: 'Remove an alias; the image stays',
  examples: [{ line: 'warren image alias delete lab', does: 'the name is free again' }],
  positionals: { alias },
  options: {},
  next: 'warren image alias list',
  async run({ client }, { alias: name }) {
    await client.change('DELETE', apiPath('images', 'aliases', stripRemote(name)));
    return undefined;
  },
});
