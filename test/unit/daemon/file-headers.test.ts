import { expect, test } from 'vitest';

import { headersOf } from '../../../src/daemon/routes/instances/files.ts';

const stat = { type: 'file', uid: 0, gid: 0, mode: 0o644, size: 0 } as const;

test.each([
  [0, '1970-01-01 00:00:00 +0000 UTC'],
  [1e300, '9999-12-31 23:59:59 +0000 UTC'],
  [-1e300, '0001-01-01 00:00:00 +0000 UTC'],
])('a file of the time %d has a date', (modifiedMs, date) => {
  expect(headersOf({ ...stat, modifiedMs })['X-LXD-modified']).toBe(date);
});
