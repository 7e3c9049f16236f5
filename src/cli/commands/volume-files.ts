import { formatSize } from '../../base/units.ts';
import { fetchBackup, sendVolumeBackup } from '../../client/backups.ts';
import { defineCommand } from '../command.ts';
import { expiryOfCopy, exportOptions } from '../export-options.ts';
import { stripRemote } from '../names.ts';
import { UsageError } from '../usage-error.ts';
import { parseVolumeRef, poolWord, volumePath, volumeWord } from '../volumes.ts';

export const exportVolume = defineCommand({
  name: 'storage volume export',
  summary: 'Write a volume and its snapshots to a file',
  details:
    'The file is LXD’s backup archive of a custom volume. Machines that use the volume stand still while it is copied. A file that is there is replaced with --force only, unlike by lxc.',
  examples: [
    { line: 'warren storage volume export default data', does: 'data.tar.zst in this directory' },
    {
      line: 'warren storage volume export default data /srv/data.tar.gz --compression gzip',
      does: 'packed by gzip',
    },
  ],
  positionals: {
    pool: poolWord,
    volume: volumeWord,
    file: { kind: 'optional', summary: 'File to write', complete: 'file' },
  },
  options: {
    force: exportOptions.force,
    'volume-only': { kind: 'flag', summary: 'Without its snapshots' },
    compression: exportOptions.compression,
    'optimized-storage': exportOptions.optimized,
  },
  next: 'warren storage volume import POOL FILE NAME',
  async run({ client, progress }, { pool, volume, file, ...args }) {
    if (parseVolumeRef(volume).snapshot !== undefined) {
      throw new UsageError(
        `Cannot export ${volume} alone: a volume is exported with its snapshots`,
        `warren storage volume copy ${pool}/${volume} ${pool}/NAME    (then export NAME)`,
      );
    }
    progress.start(`Exporting ${volume}`);
    return await fetchBackup(client, volumePath(pool, volume), {
      name: volume,
      request: {
        name: '',
        expires_at: expiryOfCopy(),
        volume_only: args['volume-only'],
        optimized_storage: false,
        compression_algorithm: args.compression ?? '',
      },
      target: file,
      force: args.force,
      onProgress: (percent) => {
        progress.step({ stage: 'fetching', percent });
      },
    });
  },
  render: ({ file, sizeBytes }, _look, { volume }) => ({
    text: `${volume} is in ${file} (${formatSize(sizeBytes)})`,
  }),
});

export const importVolume = defineCommand({
  name: 'storage volume import',
  summary: 'Make a volume of a file that storage volume export wrote, with its snapshots',
  examples: [
    { line: 'warren storage volume import default data.tar.zst', does: 'the volume as it was' },
    { line: 'warren storage volume import default data.tar.zst spare', does: 'a second one' },
  ],
  positionals: {
    pool: poolWord,
    file: { kind: 'required', summary: 'File to read', complete: 'file' },
    name: { kind: 'optional', summary: 'Name of the volume, if not its own' },
  },
  options: {},
  next: 'warren storage volume attach POOL VOLUME INSTANCE PATH',
  async run({ client, progress }, { pool, file, name }) {
    progress.start(`Importing ${file}`);
    const options = {
      name,
      onProgress: (percent: number) => {
        progress.step({ stage: 'sending', percent });
      },
    };
    return { name: await sendVolumeBackup(client, stripRemote(pool), file, options) };
  },
  render: ({ name }) => ({ text: `${name} is imported` }),
});
