import { sendBackup } from '../../client/backups.ts';
import { inProject } from '../command-line.ts';
import { defineCommand } from '../command.ts';
import { stripRemote } from '../names.ts';

export const importInstance = defineCommand({
  name: 'import',
  summary: 'Make a machine of a file that export wrote, with its snapshots',
  details:
    'Also takes exports of LXD and Incus containers. Under another name than its own the machine gets an identity of its own: host name, machine id, ssh host keys.',
  examples: [
    { line: 'warren import web.tar.zst', does: 'the machine as it was' },
    { line: 'warren import web.tar.zst web2', does: 'a second one of it' },
  ],
  positionals: {
    file: { kind: 'required', summary: 'File to read', complete: 'file' },
    name: { kind: 'optional', summary: 'Name of the machine, if not its own' },
  },
  options: {
    storage: { kind: 'text', alias: 's', value: 'POOL', summary: 'There is one', hidden: true },
  },
  next: 'warren start NAME',
  async run({ client, progress }, args) {
    progress.start(`Importing ${args.file}`);
    const options = {
      name: args.name === undefined ? undefined : stripRemote(args.name),
      onProgress: (percent: number) => {
        progress.step({ stage: 'sending', percent });
      },
    };
    return { name: await sendBackup(client, args.file, options) };
  },
  render: ({ name }, { project }) => ({
    text: `${name} is imported          next: ${inProject(project, `warren start ${name}`)}`,
  }),
});
