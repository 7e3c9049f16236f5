import { expect, test } from 'vitest';

import { isFingerprint, isInstanceName, isObjectName } from '../../../src/base/names.ts';

test.each(['web', 'a', 'Web-1', 'a'.repeat(63)])('isInstanceName takes %s', (name) => {
  expect(isInstanceName(name)).toBe(true);
});

test.each(['', '-web', 'web-', '1web', '../x', 'a/b', 'a.b', 'a b', 'wéb', 'a\n', 'a'.repeat(64)])(
  'isInstanceName refuses %j',
  (name) => {
    expect(isInstanceName(name)).toBe(false);
  },
);

test.each(['.', '..', '.hidden', 'a/b', '', 'a\n', 'a'.repeat(64)])(
  'isObjectName refuses %j',
  (name) => {
    expect(isObjectName(name)).toBe(false);
  },
);

test('isFingerprint takes whole lower-case sha256 digests only', () => {
  expect(isFingerprint('0'.repeat(64))).toBe(true);
  for (const text of ['0'.repeat(63), 'A'.repeat(64), `${'0'.repeat(64)}\n`, '../'.repeat(21)]) {
    expect(isFingerprint(text)).toBe(false);
  }
});
