import fc from 'fast-check';
import { expect, test } from 'vitest';

import { editDistance, hasControlCharacter, nearestName } from '../../../src/base/text.ts';

test.each(['a\nb', 'a\rb', 'a\tb', '\0', '\u007f', '\u0085'])(
  'hasControlCharacter finds it in %j',
  (text) => {
    expect(hasControlCharacter(text)).toBe(true);
  },
);

test('hasControlCharacter leaves printable text alone', () => {
  expect(hasControlCharacter('päth /with spaces – and dashes')).toBe(false);
});

test('editDistance is a metric', () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
      expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
    }),
  );
});

test('nearestName names a slip of the fingers and nothing far away', () => {
  const images = ['debian/12', 'debian/13', 'busybox'];
  expect(nearestName('debain/12', images)).toBe('debian/12');
  expect(nearestName('windows', images)).toBeUndefined();
});
