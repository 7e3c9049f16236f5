import { apiPath } from '../../client/client.ts';
import { importFromUrl, resolveImage, setAlias, uploadImage } from '../../client/images.ts';
import { formatSize } from '../../base/units.ts';
import { inProject } from '../command-line.ts';
import { defineCommand } from '../command.ts';
import { editObject } from '../editor.ts';
import { pick, refuseUnknownFields } from '../keyed.ts';
import { parseAssignment, stripRemote } from '../names.ts';
import { idCell, sizeCell, timeCell } from '../render/cells.ts';
import { plain } from '../render/look.ts';
import { formatRelative, parseTime } from '../render/time.ts';
import { forEachName } from '../together.ts';
import { UsageError } from '../usage-error.ts';

import type { Image } from '../../contract/api/images.ts';

const image = { kind: 'required', summary: 'Alias or fingerprint', complete: 'image' } as const;

/** An image that warren can build here and has not built yet. */
interface Recipe {
  readonly alias: string;
  readonly description: string;
}

export const list = defineCommand({
  name: 'image list',
  summary: 'Show the images that are there, and those that warren can build',
  examples: [
    { line: 'warren image list', does: 'what is there' },
    { line: 'warren image list --available', does: 'and what a launch would build' },
  ],
  positionals: {
    filters: { kind: 'many', summary: 'Part of an alias, fingerprint or description' },
  },
  options: {
    available: { kind: 'flag', alias: 'a', summary: 'Also what warren can build on this host' },
  },
  next: 'warren launch IMAGE NAME',
  async run({ client }, { filters, available }) {
    const [images, recipes] = await Promise.all([
      client.get<Image[]>('/1.0/images', { recursion: 1 }),
      available ? client.get<Recipe[]>('/1.0/warren/recipes') : Promise.resolve([]),
    ]);
    const has = (text: string): boolean =>
      filters.length === 0 || filters.some((filter) => text.includes(stripRemote(filter)));
    const known = new Set(images.flatMap(({ aliases }) => aliases.map(({ name }) => name)));
    const built = images.filter((one) => has(searchText(one)));
    const toBuild = recipes
      .filter(({ alias, description }) => !known.has(alias) && has(`${alias} ${description}`))
      .map(({ alias, description }) => ({ alias, description, fingerprint: '' }));
    return [...built, ...toBuild];
  },
  render: (images, { now }, { filters }) => ({
    table: {
      columns: [
        { title: 'ALIAS' },
        { title: 'FINGERPRINT' },
        { title: 'DESCRIPTION' },
        { title: 'SIZE', align: 'right' },
        { title: 'CREATED' },
      ],
      rows: images.map((one) =>
        'alias' in one
          ? [one.alias, '-', one.description, '-', { text: 'built at the first launch', value: '' }]
          : [
              one.aliases.map(({ name }) => name).join(', ') || '-',
              idCell(one.fingerprint, 12),
              one.properties['description'] ?? '-',
              sizeCell(one.size),
              timeCell(one.uploaded_at, now),
            ],
      ),
      empty:
        filters.length > 0
          ? 'No image is like that.   next: warren image list --available'
          : 'There are no images yet.   next: warren image list --available',
    },
  }),
});

function searchText({ aliases, fingerprint, properties }: Image): string {
  const names = aliases.map(({ name }) => name).join(' ');
  return `${names} ${fingerprint} ${properties['description'] ?? ''}`;
}

export const info = defineCommand({
  name: 'image info',
  summary: 'Everything about one image',
  examples: [{ line: 'warren image info debian/12', does: 'size, properties, aliases' }],
  positionals: { image },
  options: {},
  next: 'warren launch IMAGE NAME',
  async run({ client }, args) {
    const fingerprint = await resolveImage(client, stripRemote(args.image));
    return await client.get<Image>(apiPath('images', fingerprint));
  },
  render(one, { now }) {
    const at = (time: string): string => formatRelative(parseTime(time), now);
    const rows: readonly (readonly [string, string])[] = [
      ['aliases', one.aliases.map(({ name }) => name).join(', ') || 'none'],
      ['size', formatSize(one.size)],
      ['arch', one.architecture],
      [
        'created',
        `${at(one.created_at)}, added ${at(one.uploaded_at)}, last used ${at(one.last_used_at)}`,
      ],
      ['expires', at(one.expires_at) === '-' ? 'never' : at(one.expires_at)],
      ...Object.entries(one.properties),
    ];
    const lines = rows.map(([key, text]) => `  ${plain(key).padEnd(12)} ${plain(text)}`);
    return { text: [one.fingerprint, ...lines].join('\n') };
  },
});

const writable = ['public', 'auto_update', 'properties', 'expires_at', 'profiles'];

export const show = defineCommand({
  name: 'image show',
  summary: 'Print an image’s properties as YAML',
  examples: [{ line: 'warren image show debian/12', does: 'what edit would show' }],
  positionals: { image },
  options: {},
  next: 'warren image edit IMAGE',
  async run({ client }, args) {
    const fingerprint = await resolveImage(client, stripRemote(args.image));
    return await client.get<Image>(apiPath('images', fingerprint));
  },
  render: (one) => ({ yaml: pick(one, writable) }),
});

export const edit = defineCommand({
  name: 'image edit',
  summary: 'Change an image’s properties in an editor, or from standard input',
  examples: [{ line: 'warren image edit debian/12', does: 'opens $EDITOR' }],
  positionals: { image },
  options: {},
  next: 'warren image info IMAGE',
  async run(context, args) {
    const { client } = context;
    const path = apiPath('images', await resolveImage(client, stripRemote(args.image)));
    const { value, etag } = await client.getTagged<Image>(path);
    const changed = await editObject(
      context,
      pick(value, writable),
      `# Image ${value.fingerprint.slice(0, 12)}: change it, save, leave the editor.`,
      async (edited, fromEditor) => {
        if (typeof edited !== 'object' || edited === null) {
          throw new UsageError('Cannot change the image: wanted YAML with keys');
        }
        refuseUnknownFields('change the image', edited, [...Object.keys(value), ...writable]);
        await client.change('PUT', path, pick(edited, writable), fromEditor ? etag : undefined);
      },
    );
    if (!changed) context.warn('nothing was changed');
    return undefined;
  },
});

export const importImage = defineCommand({
  name: 'image import',
  summary: 'Add an image from a file: a root file system as tarball, or an image of LXD or Incus',
  details:
    'Of a URL, the server must say in headers what it has and where: LXD-Image-Hash, the sha256 of the file, and LXD-Image-URL. Other files are downloaded first and imported then.',
  examples: [
    { line: 'warren image import rootfs.tar.xz --alias mine', does: 'a plain root file system' },
    {
      line: 'warren image import lxd.tar.xz rootfs.tar.xz --alias split',
      does: 'the two files of a split image',
    },
    {
      line: 'warren image import https://images.example.org/debian --alias theirs',
      does: 'what a web server offers',
    },
  ],
  positionals: {
    file: {
      kind: 'required',
      summary: 'Tarball, or metadata tarball; https://…',
      complete: 'file',
    },
    more: {
      kind: 'many',
      summary: 'Root file system of a split image; KEY=VALUE properties',
      complete: 'file',
    },
  },
  options: {
    alias: { kind: 'list', value: 'NAME', summary: 'Give it this name (again for more)' },
    public: { kind: 'flag', summary: 'Mark it public' },
  },
  next: 'warren launch ALIAS NAME',
  async run({ client, progress }, args) {
    const properties = args.more.filter((word) => word.includes('='));
    const [rootfs, ...rest] = args.more.filter((word) => !word.includes('='));
    if (rest.length > 0) throw new UsageError('Cannot import: an image has at most two files');
    const asked = {
      properties: Object.fromEntries(properties.map(parseAssignment)),
      public: args.public,
    };
    progress.start(`Importing ${args.file}`);
    let fingerprint: string;
    if (/^https?:\/\//.test(args.file)) {
      if (rootfs !== undefined) throw new UsageError('Cannot import: a URL is of one file');
      if (!args.file.startsWith('https:')) {
        throw new UsageError(
          `Cannot import ${args.file}: whoever is on the way could send another image, wanted https://…`,
        );
      }
      fingerprint = await importFromUrl(client, args.file, asked);
    } else {
      fingerprint = await uploadImage(client, {
        ...asked,
        files: rootfs === undefined ? [args.file] : [args.file, rootfs],
        onProgress: (percent) => {
          progress.step({ stage: 'sending', percent });
        },
      });
    }
    for (const alias of args.alias) await setAlias(client, stripRemote(alias), fingerprint);
    return { fingerprint, aliases: args.alias };
  },
  render({ fingerprint, aliases }, { project }) {
    const name = aliases[0] ?? fingerprint.slice(0, 12);
    const next = inProject(project, `warren launch ${name}`);
    return { text: `${name} is imported (${fingerprint.slice(0, 12)})          next: ${next}` };
  },
});

export const deleteImage = defineCommand({
  name: 'image delete',
  summary: 'Delete images; machines made of them stay as they are',
  examples: [
    {
      line: 'warren image delete debian/12',
      does: 'its space comes back when no machine needs it',
    },
  ],
  positionals: { images: { kind: 'some', summary: 'Aliases or fingerprints', complete: 'image' } },
  options: {},
  next: 'warren image list',
  async run({ client, progress }, { images }) {
    progress.start(`Deleting ${images.join(', ')}`);
    await forEachName(images, async (word) => {
      const fingerprint = await resolveImage(client, stripRemote(word));
      await client.operate('DELETE', apiPath('images', fingerprint));
    });
    return undefined;
  },
});

export const refresh = defineCommand({
  name: 'image refresh',
  summary: 'Build an image anew, of what there is now',
  details:
    'Aliases and settings go over to the new one, and the old one goes. Machines that were made from it stay as they are.',
  examples: [{ line: 'warren image refresh debian/12', does: 'the next launch takes the new one' }],
  positionals: { image },
  options: {},
  next: 'warren image list',
  async run({ client, progress }, args) {
    progress.start(`Refreshing ${args.image}`);
    const fingerprint = await resolveImage(client, stripRemote(args.image));
    const { metadata } = await client.operate('POST', apiPath('images', fingerprint, 'refresh'));
    progress.stop(
      metadata['refreshed'] === true ? `${args.image} is new` : `${args.image} was up to date`,
    );
    return undefined;
  },
});
