import { apiPath } from '../../client/client.ts';
import { isWarrenError } from '../../contract/errors.ts';
import { defineCommand } from '../command.ts';
import { UsageError } from '../usage-error.ts';
import {
  parsePoolAndVolume,
  parseVolumeRef,
  poolWord,
  volumePath,
  volumeWord,
} from '../volumes.ts';

import type { Context } from '../context.ts';

const from = {
  kind: 'required',
  summary: 'POOL/VOLUME, or POOL/VOLUME/SNAPSHOT',
  complete: 'pool-volume',
} as const;

export const copy = defineCommand({
  name: 'storage volume copy',
  summary: 'Copy a volume with its snapshots; machines that use it stand still meanwhile',
  examples: [
    { line: 'warren storage volume copy default/data default/spare', does: 'a second one' },
    { line: 'warren storage volume copy default/data/before default/old', does: 'of a snapshot' },
  ],
  positionals: { from, to: { kind: 'required', summary: 'POOL/VOLUME of the copy' } },
  options: { 'volume-only': { kind: 'flag', summary: 'Without the snapshots' } },
  next: 'warren storage volume list',
  async run({ client, progress }, args) {
    const source = parsePoolAndVolume(args.from);
    const target = parsePoolAndVolume(args.to);
    progress.start(`Copying ${source.name}`);
    await client.operate('POST', apiPath('storage-pools', target.pool, 'volumes', 'custom'), {
      name: target.name,
      type: 'custom',
      source: {
        type: 'copy',
        pool: source.pool,
        name: source.name,
        volume_only: args['volume-only'],
      },
    });
    progress.stop();
    return undefined;
  },
});

export const rename = defineCommand({
  name: 'storage volume rename',
  summary: 'Give a volume or a snapshot of one another name, also in what uses it',
  examples: [
    { line: 'warren storage volume rename default data files', does: 'while no machine has it' },
    { line: 'warren storage volume rename default data/snap0 data/first', does: 'a snapshot' },
  ],
  positionals: {
    pool: poolWord,
    volume: volumeWord,
    to: { kind: 'required', summary: 'The new name' },
  },
  options: {},
  next: 'warren storage volume list',
  async run({ client }, { pool, volume, to }) {
    const [old, next] = [parseVolumeRef(volume), parseVolumeRef(to)];
    const isSnapshot = old.snapshot !== undefined;
    if (isSnapshot !== (next.snapshot !== undefined)) {
      throw new UsageError(`Cannot rename ${volume} to ${to}: only one of them is a snapshot`);
    }
    if (isSnapshot && old.volume !== next.volume) {
      throw new UsageError(`Cannot rename ${volume} to ${to}: a snapshot stays with its volume`);
    }
    const name = next.snapshot ?? next.volume;
    await client.operate('POST', volumePath(pool, volume), { name });
    return undefined;
  },
});

export const move = defineCommand({
  name: 'storage volume move',
  summary: 'The same as rename; there is one pool',
  examples: [{ line: 'warren storage volume move default/data default/files', does: 'renames it' }],
  positionals: { from, to: { kind: 'required', summary: 'POOL/VOLUME of the new name' } },
  options: {},
  next: 'warren storage volume list',
  async run({ client }, args) {
    const [source, target] = [parsePoolAndVolume(args.from), parsePoolAndVolume(args.to)];
    const body = { name: target.name, pool: target.pool };
    await client.operate('POST', volumePath(source.pool, source.name), body);
    return undefined;
  },
});

export const snapshot = defineCommand({
  name: 'storage volume snapshot',
  summary: 'Keep the present state of a volume; machines that use it stand still meanwhile',
  examples: [
    { line: 'warren storage volume snapshot default data before', does: 'restore it later' },
    { line: 'warren storage volume snapshot default data', does: 'named snap0, snap1, …' },
  ],
  positionals: {
    pool: poolWord,
    volume: volumeWord,
    name: { kind: 'optional', summary: 'Name of the snapshot' },
  },
  options: { reuse: { kind: 'flag', summary: 'Replace a snapshot of that name' } },
  next: 'warren storage volume restore POOL VOLUME SNAPSHOT',
  async run({ client, progress }, { pool, volume, name, reuse }) {
    progress.start(`Taking a snapshot of ${volume}`);
    if (reuse && name !== undefined) await removeOld(client, pool, `${volume}/${name}`);
    const path = `${volumePath(pool, volume)}/snapshots`;
    const { metadata } = await client.operate('POST', path, { name: name ?? '' });
    progress.stop();
    return { snapshot: String(metadata['snapshot']) };
  },
  // Silent, unless the name is the server's choice.
  render: ({ snapshot: made }, _look, { volume, name }) =>
    name === undefined ? { text: `${volume}/${made} is taken` } : undefined,
});

async function removeOld(client: Context['client'], pool: string, name: string): Promise<void> {
  try {
    await client.operate('DELETE', volumePath(pool, name));
  } catch (error) {
    if (!isWarrenError(error, 'not_found')) throw error;
  }
}

export const restore = defineCommand({
  name: 'storage volume restore',
  summary: 'Bring a volume back to a snapshot, while no machine that runs has it',
  examples: [
    { line: 'warren storage volume restore default data before', does: 'what came after is gone' },
  ],
  positionals: {
    pool: poolWord,
    volume: volumeWord,
    snapshot: { kind: 'required', summary: 'Name of the snapshot' },
  },
  options: {},
  next: 'warren storage volume info POOL VOLUME',
  async run({ client, progress }, { pool, volume, snapshot: name }) {
    progress.start(`Restoring ${volume}`);
    await client.operate('PUT', volumePath(pool, volume), { restore: name });
    progress.stop(`${volume} is as it was at ${name}`);
    return undefined;
  },
});
