import { dataSizes } from './held-data.ts';

import type { Samples } from './samples.ts';
import type { Verdict } from './verdict.ts';

const warren = 'warren';
const heldMs = 20;
/** Of the size of the image. */
const slicePercent = 3;
/** Times one with the image's own ids. */
const sliceLaunch = 1.5;
const sliceTreeMs = 1000;

/**
 * Snapshots in O(1), and ids of their own that cost next to nothing; unmeasured goals are left out.
 */
export function judgeStorage(samples: Samples): readonly Verdict[] {
  return [...judgeHeld(samples), ...judgeSlices(samples)];
}

function judgeHeld(samples: Samples): readonly Verdict[] {
  const [least, most] = dataSizes;
  return (['snapshot', 'restore', 'copy'] as const).flatMap((what) => {
    const id = `held-${what}` as const;
    const small = samples.summary({ id, size: least }, warren)?.median;
    const large = samples.summary({ id, size: most }, warren)?.median;
    if (small === undefined || large === undefined) return [];
    const ratio = samples.ratio({ id, size: most }, warren, { id, size: least }, warren) ?? NaN;
    return [
      {
        goal: `${what} of a stopped machine ≤ ${heldMs} ms with 10 MiB and with 10 GiB alike`,
        found: `${small.toFixed(1)} and ${large.toFixed(1)} ms, ${ratio.toFixed(2)}×`,
        isMet: small <= heldMs && large <= heldMs,
      },
    ];
  });
}

function judgeSlices(samples: Samples): readonly Verdict[] {
  const share = samples.summary({ id: 'slice-share' }, warren)?.median;
  const first = samples.summary({ id: 'slice-first' }, warren)?.median;
  const second = samples.summary({ id: 'slice-next' }, warren)?.median;
  const next = samples.ratio(
    { id: 'slice-next-launch' },
    warren,
    { id: 'slice-shared-launch' },
    warren,
  );
  return [
    ...(share === undefined
      ? []
      : [
          {
            goal: `ids of their own ≤ ${slicePercent} % of the image`,
            found: `${share.toFixed(1)} %`,
            isMet: share <= slicePercent,
          },
        ]),
    ...(first === undefined || second === undefined
      ? []
      : [
          {
            goal: `the tree for ids of their own ≤ ${sliceTreeMs} ms`,
            found: `${(first - second).toFixed(0)} ms`,
            isMet: first - second <= sliceTreeMs,
          },
        ]),
    ...(next === undefined
      ? []
      : [
          {
            goal: `launch with such ids ≤ ${sliceLaunch}× with the image’s own`,
            found: `${next.toFixed(2)}×`,
            isMet: next <= sliceLaunch,
          },
        ]),
  ];
}
