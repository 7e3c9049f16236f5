import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { pathsIn, type Paths } from '../../../src/contract/paths.ts';
import { keeperRuns } from '../../../src/host/home.ts';
import { holdLocks } from '../../../src/keeper/locks.ts';
import { isLocked } from '../../../src/sys/kernel/process.ts';
import { spawnChild } from '../../../src/sys/kernel/spawn.ts';
import { reap } from '../../../src/sys/kernel/wait.ts';

let directory: string;
let paths: Paths;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-locks-'));
  paths = pathsIn(directory, directory);
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

test('who looks whether a keeper runs is not taken for one', () => {
  const fd = openSync(paths.dataLock, 'a');
  expect(isLocked(fd)).toBe(false);
  expect(keeperRuns(paths)).toBe(false);
  closeSync(fd);
});

test('a keeper has its locks though somebody looks at that moment, and nobody after it', () => {
  const fd = openSync(paths.dataLock, 'a');
  expect(isLocked(fd)).toBe(false);
  // The lock is the child's from now on.
  const looks = spawnChild({
    path: '/bin/sh',
    argv: ['sh', '-c', 'sleep 0.03'],
    env: {},
    fds: [0, 1, 2, fd],
  });
  closeSync(fd);
  holdLocks(paths);
  expect(keeperRuns(paths)).toBe(true);
  expect(() => holdLocks(paths)).toThrow('exists');
  reap(looks);
});
