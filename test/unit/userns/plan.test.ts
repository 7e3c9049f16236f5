import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { rangesOverlap } from '../../../src/base/id-layout.ts';
import { parseGetsubids, parseSubidFile } from '../../../src/userns/grants.ts';
import { compose, countIds, hasOverlap, toOutside } from '../../../src/userns/idmap.ts';
import { planU0 } from '../../../src/userns/plan.ts';
import { countSlices, sliceSize, sliceAt, sliceMap } from '../../../src/userns/slices.ts';

const anyGrants = fc.array(
  fc.record({ start: fc.integer({ min: 0, max: 300 }), count: fc.integer({ min: 0, max: 80 }) }),
  { maxLength: 8 },
);

function isGranted(grants: readonly { start: number; count: number }[], id: number): boolean {
  return grants.some(({ start, count }) => id >= start && id < start + count);
}

describe('the plan of U0', () => {
  it('is the user as 0 and the granted range from 1 on', () => {
    const u0 = planU0({
      uid: 1000,
      gid: 1000,
      uidGrants: [{ start: 100_000, count: 65_536 }],
      gidGrants: [{ start: 100_000, count: 65_536 }],
    });
    expect(u0.uid).toEqual([
      { inside: 0, outside: 1000, count: 1 },
      { inside: 1, outside: 100_000, count: 65_536 },
    ]);
    expect(countSlices(u0)).toBe(1);
  });

  it('maps every granted id once and nothing else, whatever the file repeats', () => {
    fc.assert(
      fc.property(anyGrants, fc.nat(400), (grants, own) => {
        const { uid } = planU0({ uid: own, gid: own, uidGrants: grants, gidGrants: [] });
        expect(hasOverlap(uid)).toBe(false);
        expect(toOutside(uid, 0)).toBe(own);
        const outsides = new Set(
          Array.from({ length: countIds(uid) }, (_, id) => toOutside(uid, id)),
        );
        for (let id = 0; id < 450; id++) {
          expect(outsides.has(id)).toBe(id === own || isGranted(grants, id));
        }
        // Contiguous on the inside: as many different outsides as ids.
        expect(outsides.has(undefined)).toBe(false);
        expect(outsides.size).toBe(countIds(uid));
      }),
    );
  });

  it('never moves an id when a range is added', () => {
    fc.assert(
      fc.property(anyGrants, anyGrants, fc.nat(400), (grants, added, own) => {
        const before = planU0({ uid: own, gid: own, uidGrants: grants, gidGrants: [] }).uid;
        const after = planU0({
          uid: own,
          gid: own,
          uidGrants: [...grants, ...added],
          gidGrants: [],
        }).uid;
        for (let id = 0; id < countIds(before); id++) {
          expect(toOutside(after, id)).toBe(toOutside(before, id));
        }
      }),
    );
  });

  it('stays within the number of extents that the kernel takes', () => {
    const grants = Array.from({ length: 1000 }, (_, index) => ({
      start: 1000 + 2 * index,
      count: 1,
    }));
    expect(planU0({ uid: 1, gid: 1, uidGrants: grants, gidGrants: grants }).gid).toHaveLength(340);
  });
});

describe('slices', () => {
  it('are apart, whole, and within what the grant holds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 400_000 }),
        fc.integer({ min: 0, max: 400_000 }),
        (a, b) => {
          const u0 = planU0({
            uid: 1000,
            gid: 1000,
            uidGrants: [{ start: 100_000, count: a }],
            gidGrants: [{ start: 200_000, count: b }],
          });
          const count = countSlices(u0);
          for (let index = 0; index < count; index++) {
            const slice = sliceAt(index);
            expect(countIds(compose(sliceMap(slice), u0.uid))).toBe(sliceSize);
            expect(countIds(compose(sliceMap(slice), u0.gid))).toBe(sliceSize);
            if (index > 0) expect(rangesOverlap(slice, sliceAt(index - 1))).toBe(false);
          }
          const next = compose(sliceMap(sliceAt(count)), Math.min(a, b) === a ? u0.uid : u0.gid);
          expect(countIds(next)).toBeLessThan(sliceSize);
        },
      ),
    );
  });

  it('never hold the user itself', () => {
    expect(sliceAt(0)).toEqual({ start: 1, size: 65_536 });
    expect(sliceAt(2).start).toBe(131_073);
  });
});

describe('grants', () => {
  it('are read as getsubids prints them', () => {
    expect(parseGetsubids('0: anna 100000 65536\n1: anna 300000 10\n')).toEqual([
      { start: 100_000, count: 65_536 },
      { start: 300_000, count: 10 },
    ]);
    expect(parseGetsubids('Error fetching ranges\n')).toEqual([]);
  });

  it('are read from the file by name and by number, and nobody else gets them', () => {
    const file = 'anna:1:2\nannabel:3:4\n1000:5:6\n#anna:7:8\nanna:x:9\nanna:1:2:3\nanna:-5:5\n';
    expect(parseSubidFile(file, { name: 'anna', uid: 1000 })).toEqual([
      { start: 1, count: 2 },
      { start: 5, count: 6 },
    ]);
  });

  it('never reach the id that means none', () => {
    expect(
      parseSubidFile('anna:4294967290:100\nanna:4294967295:1', { name: 'anna', uid: 1 }),
    ).toEqual([{ start: 4_294_967_290, count: 5 }]);
  });
});
