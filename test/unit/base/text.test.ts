import fc from 'fast-check';
import { expect, test } from 'vitest';

import {
  compareNames,
  editDistance,
  hasControlCharacter,
  nearestName,
} from '../../../src/base/text.ts';

test.each(['a\nb', 'a\rb', 'a\tb', '\0', '\u007f', '\u0085'])(
  'hasControlCharacter finds it in %j',
  (text) => {
    expect(hasControlCharacter(text)).toBe(true);
  },
);

test('hasControlCharacter leaves printable text alone', () => {
  expect(hasControlCharacter('päth /with spaces – and dashes')).toBe(false);
});

test('editDistance is the same both ways, and nothing between a text and itself', () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, b) === 0).toBe(a === b);
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
  );
});

test('editDistance counts two exchanged neighbours as one slip', () => {
  expect(editDistance('debain', 'debian')).toBe(1);
  expect(editDistance('kitten', 'sitting')).toBe(3);
});

test('nearestName names a slip of the fingers and nothing far away', () => {
  const images = ['debian/12', 'debian/13', 'busybox'];
  expect(nearestName('debain/12', images)).toBe('debian/12');
  expect(nearestName('windows', images)).toBeUndefined();
  expect(nearestName('wbe', ['b1', 'web'])).toBe('web');
  expect(nearestName('wbe', ['b1', 'we2'])).toBeUndefined();
  // What is short is like everything: a hint to delete it would be no help.
  expect(nearestName('a', ['m'])).toBeUndefined();
  expect(nearestName('m1', ['m2'])).toBeUndefined();
});

test('compareNames puts numbers in names in the order of their values', () => {
  const sorted = ['a', 'web', 'web2', 'web2-b', 'web10', 'web10a', 'x1y2', 'x1y10'];
  expect([...sorted].reverse().sort(compareNames)).toEqual(sorted);
  expect(compareNames('web02', 'web2')).not.toBe(0);
  expect(compareNames('web', 'web')).toBe(0);
});
