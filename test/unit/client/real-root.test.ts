import { expect, test } from 'vitest';

import { isRealRoot } from '../../../src/client/real-root.ts';

test.each([
  ['root of the host', 0, '         0          0 4294967295\n', true],
  ['root of a namespace that maps root alone', 0, '0 0 1\n', true],
  ['root of a user’s namespace', 0, '0 1000 1\n1 100000 65536\n', false],
  ['root of a container with ids of its own', 0, '0 100000 65536\n', false],
  ['an ordinary user', 1000, '0 0 4294967295\n', false],
])('%s', (_who, uid, map, real) => {
  expect(isRealRoot(uid, map)).toBe(real);
});
