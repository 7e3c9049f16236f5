import { apiPath } from '../../client/client.ts';
import { formatSize } from '../../base/units.ts';
import { defineCommand } from '../command.ts';
import { editKeyed, setKeys, unsetKeys, type KeyedObject } from '../keyed.ts';
import { parseAssignments, stripRemote } from '../names.ts';
import { plain } from '../render/look.ts';
import { formatRelative, parseTime } from '../render/time.ts';
import { forEachName } from '../together.ts';
import { poolWord, volumePath, volumeWord, writableOfVolume } from '../volumes.ts';

import type {
  StorageVolume,
  VolumeSnapshot,
  VolumeState,
} from '../../contract/api/storage-pools.ts';

export const list = defineCommand({
  name: 'storage volume list',
  summary: 'Show the volumes of a pool, their snapshots and who uses them',
  examples: [
    { line: 'warren storage volume list', does: 'your own' },
    { line: 'warren storage volume list --all', does: 'also what machines and images are kept in' },
  ],
  positionals: { pool: { kind: 'optional', summary: 'Name of the pool', complete: 'storage' } },
  options: { all: { kind: 'flag', alias: 'a', summary: 'Also those of machines and images' } },
  next: 'warren storage volume info POOL VOLUME',
  async run({ client }, { pool = 'default', all }) {
    const path = apiPath('storage-pools', stripRemote(pool), 'volumes');
    const volumes = await client.get<StorageVolume[]>(path, { recursion: 1 });
    return all ? volumes : volumes.filter(({ type }) => type === 'custom');
  },
  render: (volumes) => ({
    table: {
      columns: [
        { title: 'TYPE' },
        { title: 'NAME' },
        { title: 'DESCRIPTION' },
        { title: 'USED BY', align: 'right' },
      ],
      rows: volumes.map(({ type, name, description, used_by: users }) => [
        type,
        name,
        description,
        String(users.length),
      ]),
      empty: 'There are no volumes.   next: warren storage volume create default data',
    },
  }),
});

export const info = defineCommand({
  name: 'storage volume info',
  summary: 'What a volume keeps, its snapshots and who uses it',
  examples: [{ line: 'warren storage volume info default data', does: 'on one screen' }],
  positionals: { pool: poolWord, volume: volumeWord },
  options: {},
  next: 'warren storage volume snapshot POOL VOLUME',
  async run({ client }, { pool, volume }) {
    const path = volumePath(pool, volume);
    const [value, state, snapshots] = await Promise.all([
      client.get<StorageVolume>(path),
      client.get<VolumeState>(`${path}/state`),
      client.get<VolumeSnapshot[]>(`${path}/snapshots`, { recursion: 1 }),
    ]);
    return { ...value, usage: state.usage, snapshots };
  },
  render: ({ name, description, created_at: at, usage, snapshots, used_by: users }, { now }) => {
    const size = usage.total > 0 ? ` of ${formatSize(usage.total)}` : '';
    const rows: readonly (readonly [string, string])[] = [
      ['keeps', `${formatSize(usage.used)}${size}`],
      ['created', formatRelative(parseTime(at), now)],
      ['used by', users.map((url) => decodeURIComponent(url.slice(5))).join(', ') || '-'],
      [
        'snapshots',
        snapshots
          .map((one) => `${one.name} (${formatRelative(parseTime(one.created_at), now)})`)
          .join(', ') || '-',
      ],
    ];
    const about = description === '' ? '' : `   ${plain(description)}`;
    return {
      text: [`${name}${about}`, ...rows.map(([key, text]) => `  ${key.padEnd(10)} ${text}`)].join(
        '\n',
      ),
    };
  },
});

export const show = defineCommand({
  name: 'storage volume show',
  summary: 'Print a volume or a snapshot of one as YAML',
  examples: [{ line: 'warren storage volume show default data', does: 'keys and users' }],
  positionals: { pool: poolWord, volume: volumeWord },
  options: {},
  next: 'warren storage volume edit POOL VOLUME',
  async run({ client }, { pool, volume }) {
    return await client.get<StorageVolume>(volumePath(pool, volume));
  },
  render: (value) => ({ yaml: value }),
});

export const create = defineCommand({
  name: 'storage volume create',
  summary: 'Make an empty volume, for files that outlive machines or are shared',
  examples: [
    { line: 'warren storage volume create default data', does: 'then attach it to a machine' },
    {
      line: 'warren storage volume create default data size=5GiB',
      does: 'no snapshots and copies of it once it keeps more',
    },
  ],
  positionals: {
    pool: poolWord,
    volume: { kind: 'required', summary: 'Name of the new volume' },
    assignments: { kind: 'many', label: 'KEY=VALUE', summary: 'Keys and their values' },
  },
  options: {
    description: { kind: 'text', value: 'TEXT', summary: 'What it is for' },
    type: { kind: 'text', hidden: true, choices: ['filesystem'], summary: 'Only filesystem' },
  },
  next: 'warren storage volume attach POOL VOLUME MACHINE /PATH',
  async run({ client }, { pool, volume, assignments, description }) {
    const path = apiPath('storage-pools', stripRemote(pool), 'volumes', 'custom');
    await client.change('POST', path, {
      name: volume,
      type: 'custom',
      content_type: 'filesystem',
      description: description ?? '',
      config: parseAssignments(assignments),
    });
    return undefined;
  },
});

export const get = defineCommand({
  name: 'storage volume get',
  summary: 'Print the value of one key of a volume',
  examples: [{ line: 'warren storage volume get default data size', does: 'the value alone' }],
  positionals: { pool: poolWord, volume: volumeWord, key: { kind: 'required', summary: 'Key' } },
  options: {},
  next: 'warren storage volume show POOL VOLUME',
  async run({ client }, { pool, volume, key }) {
    return (await client.get<KeyedObject>(volumePath(pool, volume))).config[key] ?? '';
  },
  render: (value) => ({ text: `${value}\n` }),
});

export const set = defineCommand({
  name: 'storage volume set',
  summary: 'Set keys of a volume',
  examples: [{ line: 'warren storage volume set default data size=10GiB', does: 'at once' }],
  positionals: {
    pool: poolWord,
    volume: volumeWord,
    assignments: { kind: 'some', label: 'KEY=VALUE', summary: 'Keys and their values' },
  },
  options: {},
  next: 'warren storage volume show POOL VOLUME',
  async run(context, { pool, volume, assignments }) {
    const path = volumePath(pool, volume);
    await setKeys(context, path, writableOfVolume, parseAssignments(assignments));
    return undefined;
  },
});

export const unset = defineCommand({
  name: 'storage volume unset',
  summary: 'Remove keys of a volume',
  examples: [{ line: 'warren storage volume unset default data size', does: 'no limit' }],
  positionals: { pool: poolWord, volume: volumeWord, keys: { kind: 'some', summary: 'Keys' } },
  options: {},
  next: 'warren storage volume show POOL VOLUME',
  async run(context, { pool, volume, keys }) {
    await unsetKeys(context, volumePath(pool, volume), writableOfVolume, keys);
    return undefined;
  },
});

export const edit = defineCommand({
  name: 'storage volume edit',
  summary: 'Change a volume in an editor, or from standard input',
  examples: [{ line: 'warren storage volume edit default data', does: 'opens $EDITOR' }],
  positionals: { pool: poolWord, volume: volumeWord },
  options: {},
  next: 'warren storage volume show POOL VOLUME',
  async run(context, { pool, volume }) {
    await editKeyed(context, volume, volumePath(pool, volume), writableOfVolume);
    return undefined;
  },
});

export const deleteVolume = defineCommand({
  name: 'storage volume delete',
  summary: 'Delete volumes that nothing uses, or snapshots of volumes',
  examples: [
    { line: 'warren storage volume delete default data', does: 'with its snapshots' },
    { line: 'warren storage volume delete default data/before', does: 'that snapshot alone' },
  ],
  positionals: {
    pool: poolWord,
    volumes: { kind: 'some', summary: 'Names of volumes', complete: 'volume' },
  },
  options: {},
  next: 'warren storage volume list',
  async run({ client }, { pool, volumes }) {
    await forEachName(volumes, (name) => client.operate('DELETE', volumePath(pool, name)));
    return undefined;
  },
});
