import { apiPath } from '../../client/client.ts';
import { inProject } from '../command-line.ts';
import { defineCommand, isForPrograms } from '../command.ts';
import { createInstance, creationOptions } from '../create-instance.ts';

import type { Instance } from '../../contract/api/instances.ts';

export const init = defineCommand({
  name: 'init',
  summary: 'Create a machine from an image without starting it',
  examples: [
    { line: 'warren init debian/12 web', does: 'a new machine, stopped' },
    {
      line: 'warren init debian/12 db -p default -p strict',
      does: 'with two profiles, in that order',
    },
    { line: 'warren init --empty shell', does: 'one without a root file system' },
  ],
  positionals: {
    image: { kind: 'optional', summary: 'Image alias or fingerprint', complete: 'image' },
    name: { kind: 'optional', summary: 'Name; without one, warren chooses' },
  },
  options: {
    ...creationOptions,
    empty: { kind: 'flag', summary: 'No image: an empty root file system' },
  },
  next: 'warren start NAME',
  async run(context, args) {
    // With --empty there is no image, so the first word is the name.
    const name = args.empty ? (args.name ?? args.image) : args.name;
    const image = args.empty ? undefined : args.image;
    context.progress.start(image === undefined ? 'Creating' : `Creating from ${image}`);
    const created = await createInstance(context, image, name, args);
    return isForPrograms(args)
      ? await context.client.get<Instance>(apiPath('instances', created))
      : { name: created };
  },
  render: ({ name }, { project }) => ({
    text: `${name} is created          next: ${inProject(project, `warren start ${name}`)}`,
  }),
});
