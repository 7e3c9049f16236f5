import { setAlias } from '../../client/images.ts';
import { compressions } from '../../contract/compression.ts';
import { inProject } from '../command-line.ts';
import { defineCommand } from '../command.ts';
import { parseAssignment, parseInstanceRef, stripRemote } from '../names.ts';

import type { ImagesPost } from '../../contract/api/images.ts';

export const publish = defineCommand({
  name: 'publish',
  summary: 'Make an image of a machine or snapshot',
  examples: [
    { line: 'warren publish web --alias web-golden', does: 'a stopped machine as an image' },
    { line: 'warren publish web/before-upgrade --alias old', does: 'a snapshot as an image' },
  ],
  positionals: {
    source: { kind: 'required', summary: 'INSTANCE or INSTANCE/SNAPSHOT', complete: 'instance' },
    properties: { kind: 'many', label: 'KEY=VALUE', summary: 'Properties of the image' },
  },
  options: {
    alias: { kind: 'list', value: 'NAME', summary: 'Give it this name (again for more)' },
    force: {
      kind: 'flag',
      alias: 'f',
      summary: 'Stop a running machine for it and start it again',
    },
    public: { kind: 'flag', summary: 'Mark it public' },
    compression: {
      kind: 'text',
      value: 'HOW',
      summary: 'How to pack it',
      choices: compressions,
    },
  },
  next: 'warren launch ALIAS NAME',
  async run({ client, progress }, args) {
    const { instance, snapshot } = parseInstanceRef(args.source);
    progress.start(`Publishing ${args.source}`);
    const { metadata } = await client.operate('POST', '/1.0/images', {
      source:
        snapshot === undefined
          ? { type: 'instance', name: instance, force: args.force }
          : { type: 'snapshot', name: `${instance}/${snapshot}` },
      public: args.public,
      compression_algorithm: args.compression ?? '',
      properties:
        args.properties.length === 0
          ? null
          : Object.fromEntries(args.properties.map(parseAssignment)),
    } satisfies ImagesPost);
    const fingerprint = String(metadata['fingerprint']);
    for (const alias of args.alias) await setAlias(client, stripRemote(alias), fingerprint);
    return { fingerprint, aliases: args.alias };
  },
  render({ fingerprint, aliases }, { project }) {
    const name = aliases[0] ?? fingerprint.slice(0, 12);
    const next = inProject(project, `warren launch ${name}`);
    return { text: `${name} is an image (${fingerprint.slice(0, 12)})          next: ${next}` };
  },
});
