import { fetchBackup } from '../../client/backups.ts';
import { apiPath } from '../../client/client.ts';
import { formatSize } from '../../base/units.ts';
import { defineCommand } from '../command.ts';
import { expiryOfCopy, exportOptions } from '../export-options.ts';
import { parseInstanceRef } from '../names.ts';
import { frozenNote } from '../render/frozen.ts';
import { UsageError } from '../usage-error.ts';

export const exportInstance = defineCommand({
  name: 'export',
  summary: 'Write a machine and its snapshots to a file',
  details:
    'The file is LXD’s backup archive. It holds modes, owners, attributes, links and holes as the machine has them. A running machine stands still while its own files are copied. A file that is there is replaced with --force only, unlike by lxc.',
  examples: [
    { line: 'warren export web', does: 'web.tar.zst in this directory' },
    { line: 'warren export web /srv/web.tar.gz --compression gzip', does: 'packed by gzip' },
    { line: 'warren export web --instance-only', does: 'without its snapshots' },
  ],
  positionals: {
    instance: { kind: 'required', summary: 'Name of the machine', complete: 'instance' },
    file: { kind: 'optional', summary: 'File to write', complete: 'file' },
  },
  options: {
    force: exportOptions.force,
    'instance-only': { kind: 'flag', summary: 'Without its snapshots' },
    compression: exportOptions.compression,
    'optimized-storage': exportOptions.optimized,
  },
  next: 'warren import FILE NAME',
  async run({ client, progress }, args) {
    const { instance, snapshot } = parseInstanceRef(args.instance);
    if (snapshot !== undefined) {
      throw new UsageError(
        `Cannot export ${instance}/${snapshot} alone: a machine is exported with its snapshots`,
        `warren copy ${instance}/${snapshot} NAME    (then: warren export NAME)`,
      );
    }
    progress.start(`Exporting ${instance}`);
    const request = {
      name: '',
      expires_at: expiryOfCopy(),
      instance_only: args['instance-only'],
      optimized_storage: false,
      compression_algorithm: args.compression ?? '',
    };
    return await fetchBackup(client, apiPath('instances', instance), {
      name: instance,
      request,
      target: args.file,
      force: args.force,
      onProgress: (percent) => {
        progress.step({ stage: 'fetching', percent });
      },
    });
  },
  render: ({ file, sizeBytes, frozenMs }, _look, { instance }) => ({
    text: `${instance} is in ${file} (${formatSize(sizeBytes)}${frozenNote(frozenMs, ', ')})`,
  }),
});
