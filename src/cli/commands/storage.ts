import { apiPath } from '../../client/client.ts';
import { formatCount, formatSize } from '../../base/units.ts';
import { defineCommand } from '../command.ts';
import { storageGroup } from '../groups.ts';
import { editCommand, getCommand, setCommand, showCommand, unsetCommand } from '../keyed.ts';

import type { StoragePool, StoragePoolResources } from '../../contract/api/storage-pools.ts';

export const get = getCommand(storageGroup);
export const set = setCommand(storageGroup);
export const unset = unsetCommand(storageGroup);
export const show = showCommand(storageGroup);
export const edit = editCommand(storageGroup);

export const list = defineCommand({
  name: 'storage list',
  summary: 'Show where machines are kept',
  examples: [{ line: 'warren storage list', does: 'warren has one pool' }],
  positionals: {},
  options: {},
  next: 'warren storage info default',
  async run({ client }) {
    return await client.get<StoragePool[]>('/1.0/storage-pools', { recursion: 1 });
  },
  render: (pools) => ({
    table: {
      columns: [
        { title: 'NAME' },
        { title: 'DRIVER' },
        { title: 'SOURCE' },
        { title: 'USED BY', align: 'right' },
      ],
      rows: pools.map(({ name, driver, config, used_by: users }) => [
        name,
        driver,
        config['source'] ?? '-',
        String(users.length),
      ]),
    },
  }),
});

export const info = defineCommand({
  name: 'storage info',
  summary: 'Space that a storage pool has and uses',
  examples: [{ line: 'warren storage info default', does: 'space and inodes' }],
  positionals: { pool: { kind: 'required', summary: 'Name of the pool', complete: 'storage' } },
  options: {},
  next: 'warren image list',
  async run({ client }, { pool }) {
    return await client.get<StoragePoolResources>(apiPath('storage-pools', pool, 'resources'));
  },
  render: ({ space, inodes }, _look, { pool }) => ({
    text: [
      pool,
      `  ${'space'.padEnd(10)} ${formatSize(space.used)} of ${formatSize(space.total)}`,
      `  ${'inodes'.padEnd(10)} ${formatCount(inodes.used)} of ${formatCount(inodes.total)}`,
    ].join('\n'),
  }),
});
