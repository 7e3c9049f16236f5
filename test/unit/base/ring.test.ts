import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ByteRing } from '../../../src/base/ring.ts';

describe('a byte ring', () => {
  it('keeps the newest bytes, however they came', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 60 }),
        (capacity, chunks) => {
          const ring = new ByteRing(capacity);
          for (const chunk of chunks) ring.push(Buffer.from(chunk));
          const all = Buffer.concat(chunks);
          expect(ring.take()).toEqual(all.subarray(Math.max(0, all.length - capacity)));
          expect(ring.take()).toHaveLength(0);
        },
      ),
    );
  });

  it('stays small under a guest that writes byte by byte for ever', () => {
    const ring = new ByteRing(1000);
    for (let i = 0; i < 100_000; i++) ring.push(Buffer.from([i & 255]));
    expect(ring.take()).toHaveLength(1000);
  });

  it('is read as often as wanted, and forgets what is cleared', () => {
    const ring = new ByteRing(4);
    ring.push(Buffer.from('abcdef'));
    expect(ring.read().toString()).toBe('cdef');
    expect(ring.read().toString()).toBe('cdef');
    ring.clear();
    expect(ring.read()).toHaveLength(0);
  });
});
