import { apiPath } from '../../client/client.ts';
import { defineCommand } from '../command.ts';
import { editKeyed } from '../keyed.ts';
import { stripRemote } from '../names.ts';

import type { ImageMetadataView } from '../../contract/api/instances.ts';

const instance = {
  kind: 'required',
  summary: 'Name of the machine',
  complete: 'instance',
} as const;

/** Fields that PUT replaces: all there are. */
const writable: readonly (keyof ImageMetadataView)[] = [
  'architecture',
  'creation_date',
  'expiry_date',
  'properties',
  'templates',
];

function metadataPath(name: string): string {
  return apiPath('instances', stripRemote(name), 'metadata');
}

export const show = defineCommand({
  name: 'config metadata show',
  summary: 'Print what a machine remembers of its image as YAML',
  examples: [
    { line: 'warren config metadata show web', does: 'properties, and when templates are written' },
  ],
  positionals: { instance },
  options: {},
  next: 'warren config metadata edit NAME',
  async run({ client }, args) {
    return await client.get<ImageMetadataView>(metadataPath(args.instance));
  },
  render: (metadata) => ({ yaml: metadata }),
});

export const edit = defineCommand({
  name: 'config metadata edit',
  summary: 'Change what a machine remembers of its image, in an editor or from standard input',
  examples: [
    { line: 'warren config metadata edit web', does: 'a published image of it has the same' },
  ],
  positionals: { instance },
  options: {},
  next: 'warren config template list NAME',
  async run(context, args) {
    const name = stripRemote(args.instance);
    await editKeyed(context, `metadata of ${name}`, metadataPath(name), writable);
    return undefined;
  },
});
