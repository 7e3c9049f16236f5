import { describe, expect, it } from 'vitest';

import { compactSize } from '../../../src/base/id-layout.ts';
import { isWished, planSlice, readSliceWish } from '../../../src/engine/slice-plan.ts';
import type { SliceRecord } from '../../../src/store/records.ts';

/** What `useradd` grants. */
const usual = 65_536;

/** The slices of machines that are made one after the other, until there is no room for one. */
function fill(granted: number, config: Readonly<Record<string, string>>, most = 20): SliceRecord[] {
  const taken: SliceRecord[] = [];
  while (taken.length < most) {
    const slice = planSlice(taken, granted, readSliceWish(config));
    if (slice === undefined) break;
    if (!taken.some(({ start }) => start === slice.start)) taken.push(slice);
    else if (slice.isolated) throw new Error('two machines have one isolated slice');
    else return taken;
  }
  return taken;
}

describe('ids for machines', () => {
  it('are shared in a grant for one, and apart in a larger one', () => {
    const shared = { start: 1, size: usual, isolated: false };
    expect(fill(usual, {})).toEqual([shared]);
    expect(fill(3 * usual, {}).map(({ start, isolated }) => [start, isolated])).toEqual([
      [usual + 1, true],
      [2 * usual + 1, true],
      [1, false],
    ]);
  });

  it('of the compact layout are enough for eight machines in a grant for one', () => {
    const slices = fill(usual, { 'security.idmap.size': 'compact' });
    expect(slices.map(({ size, isolated }) => [size, isolated])).toEqual(
      Array.from({ length: 8 }, () => [compactSize, true]),
    );
  });

  it('of a number of their own are isolated, and not had while others share', () => {
    const shared = { start: 1, size: usual, isolated: false };
    const wish = readSliceWish({ 'security.idmap.size': 'compact' });
    expect(planSlice([shared], usual, wish)).toBeUndefined();
    expect(planSlice([shared], 2 * usual, wish)).toEqual({
      start: usual + 1,
      size: compactSize,
      isolated: true,
    });
    expect(isWished(shared, wish)).toBe(false);
  });
});
