import { apiPath } from '../../client/client.ts';
import { defineCommand } from '../command.ts';
import { stripRemote } from '../names.ts';
import { sizeCell, timeCell } from '../render/cells.ts';
import { countChanges, summary, type ChangeCounts } from './diff.ts';

import type { SnapshotDiff } from '../../contract/api/diff.ts';
import type { InstanceSnapshot } from '../../contract/api/instances.ts';
import type { Cell } from '../render/table.ts';

/** A moment of a machine's past, and what had changed since the one before it. */
interface Moment {
  readonly name: string | null;
  readonly created_at: string | null;
  readonly size: number | null;
  /** Null for the first. */
  readonly changes: Changes | null;
}

/** How much is changed; with `truncated` there is more than was counted. */
interface Changes extends ChangeCounts {
  readonly truncated: boolean;
}

export const history = defineCommand({
  name: 'history',
  summary: 'Show a machine’s snapshots, newest first, with what changed from each to the next',
  examples: [{ line: 'warren history web', does: 'begins with what changed since the last one' }],
  positionals: {
    instance: { kind: 'required', summary: 'Name of the machine', complete: 'instance' },
  },
  options: {},
  next: 'warren diff NAME/SNAPSHOT',
  async run({ client, progress }, args) {
    const instance = stripRemote(args.instance);
    progress.start(`Comparing the snapshots of ${instance}`);
    const all = apiPath('instances', instance, 'snapshots');
    const snapshots = await client.get<InstanceSnapshot[]>(all, { recursion: 1 });
    const changes = async (from: string | undefined, to?: string): Promise<Changes | null> => {
      if (from === undefined) return null;
      const path = apiPath('instances', instance, 'snapshots', from, 'diff');
      const { changes: all, truncated } = await client.get<SnapshotDiff>(path, { to });
      return { ...countChanges(all), truncated };
    };
    const moments: Moment[] = [];
    for (const [index, { name, created_at, size }] of snapshots.entries()) {
      const before = snapshots[index - 1]?.name;
      moments.push({ name, created_at, size, changes: await changes(before, name) });
    }
    const last = snapshots.at(-1)?.name;
    if (last !== undefined) {
      moments.push({ name: null, created_at: null, size: null, changes: await changes(last) });
    }
    progress.stop();
    return moments.reverse();
  },
  render: (moments, { now }) => ({
    table: {
      columns: [
        { title: 'SNAPSHOT' },
        { title: 'TAKEN' },
        { title: 'SIZE', align: 'right' },
        { title: 'CHANGED' },
      ],
      rows: moments.map(({ name, created_at, size, changes }) => [
        name ?? { text: '(now)', value: '' },
        timeCell(created_at, now),
        sizeCell(size),
        changes === null ? '-' : changesCell(changes),
      ]),
      empty: 'There are no snapshots yet.   next: warren snapshot NAME',
    },
  }),
});

/** `2 added, 1 modified` for people, `added=2 modified=1` for programs. */
function changesCell({ truncated, ...counts }: Changes): Cell {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return {
    text: (summary(counts) || 'nothing changed') + (truncated ? ' and more' : ''),
    value: some.map(([kind, count]) => `${kind}=${count}`).join(' '),
  };
}
