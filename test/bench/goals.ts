import { judgeStorage } from './goals-of-storage.ts';
import { lineTitle, rows, type Line, type RowId } from './rows.ts';

import type { Samples } from './samples.ts';
import type { Verdict } from './verdict.ts';

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
/** Of a thousand machines, in milliseconds. */
const limitsOfLists: Partial<Record<RowId, number>> = { 'list-full': 150, 'lxc-list': 300 };
const streamGoal = 200_000_000;
const streamRatio = 0.95;

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
    ...samples.lines
      .filter(({ id, size = 0 }) => limitsOfLists[id] !== undefined && size >= 1000)
      .flatMap((line) => {
        const found = samples.summary(line, warren)?.median;
        const limit = limitsOfLists[line.id] ?? 0;
        if (found === undefined) return [];
        const goal = `${lineTitle(line)} ≤ ${limit} ms`;
        return [{ goal, found: `${found.toFixed(0)} ms`, isMet: found <= limit }];
      }),
    ...judgeStream(samples),
    ...judgeStorage(samples),
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

/**
 * A stream reaches the goal, or what a bare websocket does with the same client in the same round.
 */
function judgeStream(samples: Samples): readonly Verdict[] {
  const line: Line = { id: 'stream' };
  const found = samples.summary(line, 'warren')?.median;
  if (found === undefined) return [];
  const ratio = samples.ratio(line, 'warren', line, 'node');
  const beside = ratio === undefined ? '' : `, ${ratio.toFixed(2)}× a bare websocket`;
  return [
    {
      goal: 'output of a command through the stock client ≥ 200 MB/s, or 0.95× a bare websocket’s',
      found: `${(found / 1_000_000).toFixed(0)} MB/s${beside}`,
      isMet: found >= streamGoal || (ratio ?? 0) >= streamRatio,
    },
  ];
}
