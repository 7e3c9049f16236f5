import { apiPath } from '../../client/client.ts';
import { defineCommand, type AnyCommand } from '../command.ts';
import { shownSnapshot } from '../keyed.ts';
import {
  parseInstanceRef,
  parseSnapshotRef,
  parseSnapshotRefs,
  refPath,
  stripRemote,
} from '../names.ts';
import { sizeCell, timeCell } from '../render/cells.ts';
import { forEachOf } from '../together.ts';
import { UsageError } from '../usage-error.ts';
import * as top from './snapshot.ts';

import type { InstanceSnapshot } from '../../contract/api/instances.ts';

/*
 * The commands that people bring from incus: `snapshot VERB` for what has a word of its own here.
 */

const instance = {
  kind: 'required',
  summary: 'Name of the machine',
  complete: 'instance',
} as const;
const one = { kind: 'optional', summary: 'Name of the snapshot', complete: 'snapshot' } as const;

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
  positionals: { instance, snapshot: one },
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
  examples: [
    { line: 'warren snapshot rename web snap0 before-upgrade', does: 'its time stays' },
    { line: 'warren snapshot rename web/before-upgrade kept', does: 'the snapshot as one word' },
  ],
  positionals: {
    instance,
    snapshot: { ...one, kind: 'required' },
    to: { kind: 'optional', summary: 'The new name' },
  },
  options: {},
  next: 'warren snapshot list NAME',
  async run({ client }, args) {
    const { ref, to } = renaming(args.instance, args.snapshot, args.to);
    await client.operate('POST', refPath(ref), { name: to });
    return undefined;
  },
});

/** `web snap0 NEW` or `web/snap0 NEW`. */
function renaming(word: string, second: string, third: string | undefined) {
  if (third !== undefined) return { ref: parseSnapshotRef(word, second), to: third };
  const ref = parseInstanceRef(word);
  if (ref.snapshot !== undefined) return { ref, to: second };
  const line = `warren snapshot rename ${ref.instance} ${second} NEW`;
  throw new UsageError(`Cannot rename ${ref.instance}/${second}: wanted its new name`, line);
}

export const deleteSnapshots = defineCommand({
  name: 'snapshot delete',
  summary: 'Delete snapshots of a machine for good',
  examples: [
    { line: 'warren snapshot delete web snap0 snap1', does: 'the machine stays' },
    { line: 'warren snapshot delete web/snap0 db/snap0', does: 'of several machines' },
  ],
  positionals: {
    instance,
    snapshots: { kind: 'many', summary: 'Names of snapshots', complete: 'snapshots' },
  },
  options: {},
  next: 'warren snapshot list NAME',
  async run({ client, progress }, args) {
    const refs = parseSnapshotRefs(args.instance, args.snapshots);
    const names = refs.map(({ instance: name, snapshot }) => `${name}/${snapshot}`);
    progress.start(`Deleting ${names.join(', ')}`);
    await forEachOf(refs, async (ref) => await client.operate('DELETE', refPath(ref)));
    progress.stop(names.map((name) => `${name} is deleted`).join('\n'));
    return undefined;
  },
});
