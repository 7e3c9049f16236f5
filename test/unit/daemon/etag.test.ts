import { describe, expect, test } from 'vitest';

import { WarrenError } from '../../../src/contract/errors.ts';
import { checkIfMatch, etagOf } from '../../../src/daemon/http/etag.ts';

describe('etag', () => {
  test('does not depend on the order of keys', () => {
    expect(etagOf({ a: '1', b: { c: '2', d: '3' } })).toBe(
      etagOf({ b: { d: '3', c: '2' }, a: '1' }),
    );
    expect(etagOf({ a: '1' })).not.toBe(etagOf({ a: '2' }));
    expect(etagOf(['a', 'b'])).not.toBe(etagOf(['b', 'a']));
  });

  test('is 64 hexadecimal digits in quotes', () => {
    expect(etagOf({})).toMatch(/^"[0-9a-f]{64}"$/);
  });

  test('an If-Match with or without quotes is met, and so is none', () => {
    const etag = etagOf({ a: 1 });
    for (const header of [undefined, '*', etag, etag.slice(1, -1), `"other", ${etag}`]) {
      expect(() => {
        checkIfMatch(header, etag, 'web');
      }).not.toThrow();
    }
  });

  test('another If-Match is stale', () => {
    expect(() => {
      checkIfMatch('"other"', etagOf({}), 'web');
    }).toThrow(new WarrenError('stale', { what: 'web' }));
  });
});
