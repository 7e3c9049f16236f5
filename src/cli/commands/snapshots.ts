import { apiPath } from '../../client/client.ts';
import { defineCommand, type AnyCommand } from '../command.ts';
import { shownSnapshot } from '../keyed.ts';
import { parseSnapshotRef, refPath, stripRemote } from '../names.ts';
import { sizeCell, timeCell } from '../render/cells.ts';
import { forEachName } from '../together.ts';
import * as top from './snapshot.ts';

import type { InstanceSnapshot } from '../../contract/api/instances.ts';

/* The commands that people bring from incus: `snapshot VERB` for what has a word of its own here. */

const instance = {
  kind: 'required',
  summary: 'Name of the machine',
  complete: 'instance',
} as const;
const one = { kind: 'required', summary: 'Name of the snapshot', complete: 'snapshot' } as const;

export const create: AnyCommand = {
  ...top.snapshot,
  name: 'snapshot create',
  examples: [{ line: 'warren snapshot create web before-upgrade', does: 'the same as snapshot' }],
};

export const restore: AnyCommand = {
  ...top.restore,
  name: 'snapshot restore',
  examples: [{ line: 'warren snapshot restore web before-upgrade', does: 'the same as restore' }],
};

export const list = defineCommand({
  name: 'snapshot list',
  summary: 'Show the snapshots of a machine',
  examples: [{ line: 'warren snapshot list web', does: 'the oldest first' }],
  positionals: { instance },
  options: {},
  next: 'warren history NAME',
  async run({ client }, args) {
    const path = apiPath('instances', stripRemote(args.instance), 'snapshots');
    return await client.get<InstanceSnapshot[]>(path, { recursion: 1 });
  },
  render: (snapshots, { now }, args) => ({
    table: {
      columns: [
        { title: 'NAME' },
        { title: 'TAKEN' },
        { title: 'EXPIRES' },
        { title: 'SIZE', align: 'right' },
      ],
      rows: snapshots.map(({ name, created_at: taken, expires_at: expires, size }) => [
        name,
        timeCell(taken, now),
        timeCell(expires, now),
        sizeCell(size),
      ]),
      empty: `There are no snapshots of ${args.instance}.   next: warren snapshot ${args.instance}`,
    },
  }),
});

export const show = defineCommand({
  name: 'snapshot show',
  summary: 'Print a snapshot as YAML: its keys, devices and profiles',
  examples: [
    { line: 'warren snapshot show web before-upgrade', does: 'as the machine was configured then' },
  ],
  positionals: { instance, snapshot: { ...one, kind: 'optional' } },
  options: { expanded: { kind: 'flag', alias: 'e', summary: 'With what profiles added' } },
  next: 'warren info NAME/SNAPSHOT',
  async run({ client }, args) {
    const path = refPath(parseSnapshotRef(args.instance, args.snapshot));
    return await client.get<InstanceSnapshot>(path);
  },
  render: (snapshot, _look, args) => ({ yaml: shownSnapshot(snapshot, args.expanded) }),
});

export const rename = defineCommand({
  name: 'snapshot rename',
  summary: 'Give a snapshot another name',
  examples: [{ line: 'warren snapshot rename web snap0 before-upgrade', does: 'its time stays' }],
  positionals: { instance, snapshot: one, to: { kind: 'required', summary: 'The new name' } },
  options: {},
  next: 'warren snapshot list NAME',
  async run({ client }, args) {
    const path = apiPath('instances', stripRemote(args.instance), 'snapshots', args.snapshot);
    await client.operate('POST', path, { name: args.to });
    return undefined;
  },
});

export const deleteSnapshots = defineCommand({
  name: 'snapshot delete',
  summary: 'Delete snapshots of a machine for good',
  examples: [{ line: 'warren snapshot delete web snap0 snap1', does: 'the machine stays' }],
  positionals: {
    instance,
    snapshots: { kind: 'some', summary: 'Names of snapshots', complete: 'snapshot' },
  },
  options: {},
  next: 'warren snapshot list NAME',
  async run({ client, progress }, args) {
    const name = stripRemote(args.instance);
    progress.start(`Deleting ${args.snapshots.join(', ')} of ${name}`);
    await forEachName(args.snapshots, async (snapshot) => {
      await client.operate('DELETE', apiPath('instances', name, 'snapshots', snapshot));
    });
    progress.stop(args.snapshots.map((snapshot) => `${name}/${snapshot} is deleted`).join('\n'));
    return undefined;
  },
});
