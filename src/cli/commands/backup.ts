import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

import { apiPath } from '../../client/client.ts';
import { defineCommand } from '../command.ts';
import { stripRemote } from '../names.ts';

import type { Operation } from '../../contract/api/operations.ts';

export const exportInstance = defineCommand({
  name: 'export',
  summary: 'Write a machine with its snapshots to a file',
  examples: [{ line: 'warren export web web.tar.gz', does: 'warren import brings it back' }],
  positionals: {
    instance: { kind: 'required', summary: 'Name of the machine', complete: 'instance' },
    file: { kind: 'optional', summary: 'File to write (NAME.tar.gz)', complete: 'file' },
  },
  options: { 'instance-only': { kind: 'flag', summary: 'Without its snapshots' } },
  next: 'warren import FILE',
  async run({ client, progress }, args) {
    const instance = stripRemote(args.instance);
    const file = args.file ?? `${instance}.tar.gz`;
    progress.start(`Exporting ${instance}`);
    const operation = await client.operate('POST', apiPath('instances', instance, 'backups'), {
      name: '',
      // A backup that we do not get to delete goes by itself.
      expires_at: new Date(Date.now() + 86_400_000).toISOString(),
      instance_only: args['instance-only'],
      optimized_storage: false,
    });
    const backup = decodeURIComponent(operation.resources['backups']?.[0]?.split('/').at(-1) ?? '');
    const path = apiPath('instances', instance, 'backups', backup);
    const partial = `${file}.part`;
    try {
      const { body } = await client.download(`${path}/export`);
      await pipeline(body, createWriteStream(partial));
      await rename(partial, file);
    } finally {
      await rm(partial, { force: true });
      await client.operate('DELETE', path);
    }
    return { file };
  },
  render: ({ file }) => ({ text: file }),
});

export const importInstance = defineCommand({
  name: 'import',
  summary: 'Bring back a machine from a file that export wrote',
  examples: [
    { line: 'warren import web.tar.gz', does: 'under its old name' },
    { line: 'warren import web.tar.gz web2', does: 'under another' },
  ],
  positionals: {
    file: { kind: 'required', summary: 'File that export wrote', complete: 'file' },
    name: { kind: 'optional', summary: 'Name of the machine' },
  },
  options: {},
  next: 'warren start NAME',
  async run({ client, progress }, { file, name }) {
    progress.start(`Importing ${file}`);
    const { size } = await stat(file);
    let sent = 0;
    const body = createReadStream(file, { highWaterMark: 256 * 1024 });
    body.on('data', (chunk) => {
      sent += chunk.length;
      progress.step({ stage: 'sending', percent: (sent / size) * 100 });
    });
    const answer = await client.upload('/1.0/instances', body, {
      'Content-Type': 'application/octet-stream',
      ...(name === undefined ? {} : { 'X-LXD-name': stripRemote(name) }),
    });
    await client.wait(answer.metadata as Operation);
    progress.stop(`${name ?? file} is imported`);
    return undefined;
  },
});
