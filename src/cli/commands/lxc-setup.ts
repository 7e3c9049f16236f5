import path from 'node:path';

import { defineCommand } from '../command.ts';
import { UsageError } from '../usage-error.ts';

import { isWarrenError } from '../../contract/errors.ts';

import type { Server } from '../../contract/api/server.ts';

export const lxcSetup = defineCommand({
  name: 'lxc-setup',
  summary: 'Let the programs made for LXD (lxc, pylxd, Ansible) talk to warren',
  details:
    'Prints the two lines that point them here, for the shell or its profile. The configuration lies in\na directory of warren; one that is there already is changed only with --force, and kept beside it.',
  examples: [
    { line: 'warren lxc-setup', does: 'eval "$(warren lxc-setup)" && lxc list' },
    { line: 'warren lxc-setup --config ~/.config/lxc --force', does: 'your own lxc, for good' },
  ],
  positionals: {},
  options: {
    config: {
      kind: 'text',
      value: 'DIRECTORY',
      summary: 'Directory of the client configuration (lxc below the data of warren)',
      complete: 'file',
    },
    force: { kind: 'flag', summary: 'Change a configuration that points elsewhere' },
  },
  next: 'warren daemon install',
  async run({ client, paths, progress }, { config, force }) {
    const { writeLxcConfig } = await import('../lxc-config.ts');
    const directory = path.resolve(config ?? `${paths.dataDir}/lxc`);
    // The stock client starts no daemon; this does.
    await client.get<Server>('/1.0');
    const file = `${directory}/config.yml`;
    try {
      const outcome = await writeLxcConfig({
        path: file,
        socket: paths.socket,
        isOurs: config === undefined,
        force,
      });
      if (outcome === 'changed') progress.stop(`${file}.before-warren has what it was`);
    } catch (error) {
      if (!isWarrenError(error, 'exists')) throw error;
      const again = ['warren lxc-setup', ...(config === undefined ? [] : ['--config', config])];
      throw new UsageError(
        `Cannot write ${file}: it points lxc elsewhere, wanted --force to change its remote "local" and its default`,
        [...again, '--force'].join(' '),
      );
    }
    return { LXD_DIR: paths.runtimeDir, LXD_CONF: directory };
  },
  render: (variables) => ({
    text: Object.entries(variables)
      .map(([name, value]) => `export ${name}=${quote(value)}`)
      .join('\n'),
  }),
});

/** A word for a shell. */
function quote(text: string): string {
  return /^[\w/.,:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
