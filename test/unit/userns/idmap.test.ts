import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  compose,
  countIds,
  hasOverlap,
  invert,
  mapArguments,
  normalize,
  toInside,
  toOutside,
} from '../../../src/userns/idmap.ts';
import type { IdMapExtent } from '../../../src/userns/types.ts';

/** A valid map: extents in order on the inside, their outsides shuffled, gaps on both sides. */
const anyMap = fc
  .array(
    fc.record({
      gap: fc.nat(20),
      count: fc.integer({ min: 1, max: 30 }),
      outerGap: fc.nat(20),
      key: fc.nat(),
    }),
    { maxLength: 6 },
  )
  .map((pieces): IdMapExtent[] => {
    let inside = 0;
    const placed = pieces.map((piece) => {
      const start = inside + piece.gap;
      inside = start + piece.count;
      return { ...piece, inside: start };
    });
    let outside = 0;
    return [...placed]
      .sort((a, b) => a.key - b.key)
      .map((piece) => {
        const start = outside + piece.outerGap;
        outside = start + piece.count;
        return { inside: piece.inside, outside: start, count: piece.count };
      });
  });

const anyId = fc.nat(400);

describe('an id map', () => {
  it('is generated without overlap', () => {
    fc.assert(fc.property(anyMap, (map) => !hasOverlap(map)));
  });

  it('leads every id out and back to itself', () => {
    fc.assert(
      fc.property(anyMap, anyId, (map, id) => {
        const outside = toOutside(map, id);
        if (outside !== undefined) expect(toInside(map, outside)).toBe(id);
      }),
    );
  });

  it('maps exactly as many ids as it counts', () => {
    fc.assert(
      fc.property(anyMap, (map) => {
        const mapped = Array.from({ length: 400 }, (_, id) => toOutside(map, id)).filter(
          (id) => id !== undefined,
        );
        expect(mapped).toHaveLength(countIds(map));
        expect(new Set(mapped).size).toBe(mapped.length);
      }),
    );
  });

  it('composes to the same answer as asking one map after the other', () => {
    fc.assert(
      fc.property(anyMap, anyMap, anyId, (inner, outer, id) => {
        const middle = toOutside(inner, id);
        const wanted = middle === undefined ? undefined : toOutside(outer, middle);
        expect(toOutside(compose(inner, outer), id)).toBe(wanted);
      }),
    );
  });

  it('composes into a map that the kernel would take', () => {
    fc.assert(fc.property(anyMap, anyMap, (a, b) => !hasOverlap(compose(a, b))));
  });

  it('composes associatively', () => {
    fc.assert(
      fc.property(anyMap, anyMap, anyMap, (a, b, c) => {
        expect(compose(compose(a, b), c)).toEqual(compose(a, compose(b, c)));
      }),
    );
  });

  it('composed with its inverse maps each id to itself', () => {
    fc.assert(
      fc.property(anyMap, (map) => {
        for (const { inside, outside } of compose(map, invert(map))) expect(outside).toBe(inside);
        expect(countIds(compose(map, invert(map)))).toBe(countIds(map));
      }),
    );
  });

  it('is normalized without changing where an id leads', () => {
    fc.assert(
      fc.property(anyMap, anyId, (map, id) => {
        const normal = normalize(map);
        expect(toOutside(normal, id)).toBe(toOutside(map, id));
        expect(normalize(normal)).toEqual(normal);
      }),
    );
  });

  it('is found to overlap on either side', () => {
    expect(
      hasOverlap([
        { inside: 0, outside: 1000, count: 2 },
        { inside: 1, outside: 5000, count: 1 },
      ]),
    ).toBe(true);
    expect(
      hasOverlap([
        { inside: 0, outside: 1000, count: 2 },
        { inside: 9, outside: 1001, count: 1 },
      ]),
    ).toBe(true);
  });

  it('is written as newuidmap wants it', () => {
    const map = [
      { inside: 0, outside: 1000, count: 1 },
      { inside: 1, outside: 100_000, count: 65_536 },
    ];
    expect(mapArguments(map)).toEqual(['0', '1000', '1', '1', '100000', '65536']);
  });
});
