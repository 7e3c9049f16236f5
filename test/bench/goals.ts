import { rows, type Line, type RowId } from './rows.ts';

import type { Samples } from './samples.ts';

export interface Verdict {
  readonly goal: string;
  /** The figure that was found, in words. */
  readonly found: string;
  readonly isMet: boolean;
}

const aheadRows: readonly RowId[] = [
  'create',
  'start',
  'init',
  'booted',
  'exec',
  'stop',
  'delete',
  'list',
  'memory',
  'processes',
  'disk',
  'disk-booted',
];
const rivals = ['lxd dir', 'lxd btrfs', 'podman'];

/** What warren means to reach, held against what was measured; unmeasured goals are left out. */
export function judge(samples: Samples): readonly Verdict[] {
  const warren = 'warren';
  /** Nothing that runs on Node can be faster than this. */
  const floor = samples.summary({ id: 'version' }, 'node')?.median ?? 0;
  const atMost = (
    goal: string,
    limit: number,
    line: Line,
    otherLine: Line,
    other: string,
  ): readonly Verdict[] => {
    const ratio = samples.ratio(line, warren, otherLine, other);
    return ratio === undefined
      ? []
      : [{ goal, found: `${ratio.toFixed(2)}×`, isMet: ratio <= limit }];
  };
  const behind = samples.lines
    .filter(({ id }) => aheadRows.includes(id))
    .flatMap((line) => {
      const own = samples.summary(line, warren)?.median;
      const faster = rivals.filter((rival) => {
        const theirs = samples.summary(line, rival)?.median;
        if (own === undefined || theirs === undefined) return false;
        return theirs < own && (rows[line.id].unit !== 'ms' || theirs > floor);
      });
      return faster.length === 0
        ? []
        : [`${line.id}${line.size === undefined ? '' : ` ${line.size}`} (${faster.join(', ')})`];
    });
  const compared = rivals.some((rival) => samples.summary({ id: 'create' }, rival) !== undefined);
  const wait = samples.summary({ id: 'wait' }, warren);
  const processes = samples.summary({ id: 'processes' }, warren);
  const firstList = samples.lines.find(({ id }) => id === 'list');
  return [
    ...(compared
      ? [
          {
            goal: 'ahead of LXD and Podman wherever they take longer than node -e 0',
            found: behind.length === 0 ? 'on all' : `behind on ${behind.join(', ')}`,
            isMet: behind.length === 0,
          },
        ]
      : []),
    ...atMost(
      'start → init executed in the daemon ≤ 2× crun run',
      2,
      { id: 'socket-init' },
      { id: 'init' },
      'crun',
    ),
    ...(wait === undefined
      ? []
      : [
          {
            goal: 'start typed at the shell to booted ≤ 450 ms',
            found: `${wait.median.toFixed(0)} ms, at best ${wait.min.toFixed(0)}`,
            isMet: wait.median <= 450,
          },
        ]),
    ...atMost(
      'exec over the socket ≤ 1.5× crun exec',
      1.5,
      { id: 'socket-exec' },
      { id: 'exec' },
      'crun',
    ),
    ...atMost(
      'command line without a request ≤ 1.5× node -e 0',
      1.5,
      { id: 'version' },
      { id: 'version' },
      'node',
    ),
    ...(firstList === undefined
      ? []
      : atMost('list of few ≤ 1.5× node -e 0', 1.5, firstList, { id: 'version' }, 'node')),
    ...(processes === undefined
      ? []
      : [
          {
            goal: 'no resident process per machine',
            found: String(processes.median),
            isMet: processes.median === 0,
          },
        ]),
  ];
}
