import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { readTrustedFile } from '../../../src/sys/trusted-file.ts';

// Run as root of a user namespace, where the host's root is a stranger: as the daemon does.
test('a file of root of the host is trusted where that root is a stranger', () => {
  expect(readTrustedFile('/etc/passwd', 1_000_000)).toMatchObject({ kind: 'text' });
  expect(readTrustedFile('/etc/warren/none.yaml', 1_000_000)).toEqual({ kind: 'absent' });
  expect(readTrustedFile('/etc/passwd', 3)).toMatchObject({ kind: 'distrusted' });
});

test.each([
  ['/etc/shadow', /cannot be read by you/],
  ['/etc', /is no file/],
])('%s is not', (path, why) => {
  expect(readTrustedFile(path, 1000)).toMatchObject({
    kind: 'distrusted',
    why: expect.stringMatching(why) as string,
  });
});

test.each([
  [0, /belongs to user 0/],
  [1, /belongs to user 1/],
  [65_534, /is yours/],
])('a file of our id %i in the place of one of root is not', (uid, why) => {
  const file = join(mkdtempSync(join(tmpdir(), 'trust-')), 'file');
  writeFileSync(file, '');
  chmodSync(file, 0o644);
  chownSync(file, uid, 0);
  const place = '/etc/hostname';
  execFileSync('mount', ['--bind', file, place]);
  try {
    expect(readTrustedFile(place, 1000)).toEqual({
      kind: 'distrusted',
      why: expect.stringMatching(why) as string,
    });
  } finally {
    execFileSync('umount', [place]);
  }
});
