import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  compactSize,
  describeGuestIds,
  fromGuestId,
  hasGuestIdsOf,
  idRuns,
  isPartOf,
  toGuestId,
  type IdRange,
} from '../../../src/base/id-layout.ts';

const anyRange: fc.Arbitrary<IdRange> = fc.record({
  start: fc.oneof(fc.integer({ min: 1, max: 200_000 }), fc.constantFrom(1, 7338)),
  size: fc.oneof(fc.integer({ min: 1, max: 70_000 }), fc.constant(compactSize)),
});
const anyId = fc.integer({ min: 0, max: 270_000 });

describe('the ids of a machine', () => {
  it('are one run from 0 on, or those of a system in the compact layout', () => {
    expect(idRuns({ start: 100, size: 10 })).toEqual([{ inside: 0, outside: 100, count: 10 }]);
    const compact = { start: 100, size: compactSize };
    expect(describeGuestIds(compact)).toBe('0 to 2999, 61184 to 65519, 65534');
    expect(fromGuestId(compact, 0)).toBe(100);
    expect(fromGuestId(compact, 65_534)).toBe(100 + compactSize - 1);
    expect(fromGuestId(compact, 3000)).toBeUndefined();
    expect(8 * compactSize).toBeLessThanOrEqual(65_536);
  });

  it('take the whole of their range, each once', () => {
    fc.assert(
      fc.property(anyRange, (range) => {
        let next = range.start;
        let last = -1;
        for (const { inside, outside, count } of idRuns(range)) {
          expect(outside).toBe(next);
          expect(inside).toBeGreaterThan(last);
          next += count;
          last = inside + count - 1;
        }
        expect(next).toBe(range.start + range.size);
      }),
    );
  });

  it('lead there and back', () => {
    fc.assert(
      fc.property(anyRange, anyId, (range, id) => {
        const guest = toGuestId(range, id);
        const isOwn = id >= range.start && id < range.start + range.size;
        expect(guest !== undefined).toBe(isOwn);
        if (guest !== undefined) expect(fromGuestId(range, guest)).toBe(id);
      }),
    );
  });

  it('are had by another machine, or are the very same, when each of them is', () => {
    fc.assert(
      fc.property(anyRange, anyRange, anyId, (a, b, id) => {
        const guest = toGuestId(a, id);
        if (guest === undefined) return;
        if (fromGuestId(b, guest) === undefined) expect(hasGuestIdsOf(b, a)).toBe(false);
        if (isPartOf(a, b)) expect(fromGuestId(b, guest)).toBe(id);
      }),
    );
    const whole = { start: 7, size: 65_536 };
    expect(isPartOf({ start: 7, size: 3000 }, { start: 7, size: compactSize })).toBe(true);
    expect(isPartOf({ start: 7, size: 3001 }, { start: 7, size: compactSize })).toBe(false);
    expect(isPartOf({ start: 7, size: compactSize }, whole)).toBe(false);
    expect(hasGuestIdsOf(whole, { start: 1, size: compactSize })).toBe(true);
  });
});
