import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { makeShift, shiftAcl, shiftCapability } from '../../../src/storage/owners.ts';

const from = { start: 1, size: 1000 };
const to = { start: 70_000, size: 1000 };

describe('makeShift', () => {
  it('moves every id of the range and no other, and a second time nothing', () => {
    const shift = makeShift(from, to);
    fc.assert(
      fc.property(fc.nat(200_000), (id) => {
        const inside = id >= from.start && id < from.start + from.size;
        expect(shift(id)).toBe(inside ? id - from.start + to.start : id);
        expect(shift(shift(id))).toBe(shift(id));
      }),
    );
  });

  it('goes back the way it came', () => {
    const there = makeShift(from, to);
    const back = makeShift(to, from);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), (id) => {
        expect(back(there(id))).toBe(id);
      }),
    );
  });

  it('refuses an id that the other range has no place for', () => {
    const shift = makeShift(from, { start: 70_000, size: 10 });
    expect(shift(10)).toBe(70_009);
    expect(() => shift(11)).toThrow('a file belongs to id 10, wanted 0 to 9');
  });
});

describe('shiftCapability', () => {
  const words = (...values: number[]): Buffer => {
    const buffer = Buffer.alloc(4 * values.length);
    values.forEach((value, index) => buffer.writeUInt32LE(value, 4 * index));
    return buffer;
  };

  it('moves the root id of revision 3 and leaves everything else', () => {
    const shift = makeShift(from, to);
    const third = words(0x03000001, 1 << 13, 0, 5, 0, 1);
    expect(shiftCapability(third, shift)).toEqual(words(0x03000001, 1 << 13, 0, 5, 0, 70_000));
    const second = words(0x02000001, 1 << 13, 0, 0, 0);
    expect(shiftCapability(second, shift)).toEqual(second);
    expect(shiftCapability(Buffer.alloc(0), shift)).toEqual(Buffer.alloc(0));
    expect(shiftCapability(words(0x03000001, 1), shift)).toEqual(words(0x03000001, 1));
  });
});

describe('shiftAcl', () => {
  it('moves the ids of named users and groups only', () => {
    const shift = makeShift(from, to);
    const acl = (user: number, group: number): Buffer => {
      const buffer = Buffer.alloc(4 + 8 * 4);
      buffer.writeUInt32LE(2, 0);
      [
        [0x01, 7, 5],
        [0x02, 6, user],
        [0x08, 4, group],
        [0x20, 0, 9],
      ].forEach(([tag = 0, permissions = 0, id = 0], index) => {
        buffer.writeUInt16LE(tag, 4 + 8 * index);
        buffer.writeUInt16LE(permissions, 6 + 8 * index);
        buffer.writeUInt32LE(id, 8 + 8 * index);
      });
      return buffer;
    };
    expect(shiftAcl(acl(34, 45), shift)).toEqual(acl(70_033, 70_044));
  });

  it('takes any bytes without failing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(shiftAcl(Buffer.from(bytes), (id) => id)).toEqual(Buffer.from(bytes));
      }),
    );
  });
});
