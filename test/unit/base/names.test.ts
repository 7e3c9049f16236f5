import { expect, test } from 'vitest';

import {
  isFingerprint,
  isInstanceName,
  isMachineName,
  isObjectName,
  machineName,
  ownNameOf,
  projectOf,
} from '../../../src/base/names.ts';

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

test.each(['web', 'lab_web', 'a-1_web', `${'p'.repeat(24)}_${'m'.repeat(63)}`])(
  'isMachineName takes %s',
  (name) => {
    expect(isMachineName(name)).toBe(true);
    expect(machineName(projectOf(name), ownNameOf(name))).toBe(name);
  },
);

test.each(['_web', 'lab_', 'a_b_c', 'default_web', 'a/b_web', '.._web', `${'p'.repeat(25)}_web`])(
  'isMachineName refuses %s',
  (name) => {
    expect(isMachineName(name)).toBe(false);
  },
);

test('nobody reaches a machine of another project by its whole name', () => {
  expect(isMachineName(machineName('default', 'lab_web'))).toBe(false);
  expect(isMachineName(machineName('other', 'lab_web'))).toBe(false);
});
