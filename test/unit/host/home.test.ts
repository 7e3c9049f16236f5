import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { pathsIn, type Paths } from '../../../src/contract/paths.ts';
import { pathsInUse, reachKeeper } from '../../../src/host/home.ts';
import { tryLock } from '../../../src/sys/kernel/process.ts';
import { processIdentity } from '../../../src/sys/proc/identity.ts';

let directory: string;
let own: Paths;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-home-'));
  own = pathsIn(directory, directory);
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** Has this process be the keeper that listens in `runtimeDir`. */
function keeperIn(runtimeDir: string): void {
  writeFileSync(own.dataLock, JSON.stringify({ ...processIdentity(process.pid), runtimeDir }));
}

test('a keeper in another directory of ours is the one in use', () => {
  const other = mkdtempSync(join(tmpdir(), 'warren-home-'));
  keeperIn(other);
  expect(pathsInUse(own)).toEqual(pathsIn(directory, other));
  rmSync(other, { recursive: true });
});

// Root owns `/` and every other directory that there is for certain.
test.skipIf(process.getuid?.() === 0)(
  'sockets are not looked for where somebody else could have put them',
  async () => {
    keeperIn('/');
    expect(pathsInUse(own)).toEqual(own);
    const fd = openSync(own.dataLock, 'a');
    expect(tryLock(fd)).toBe(true);
    await expect(reachKeeper(own)).rejects.toThrow('belongs to uid 0, wanted a directory of your');
    closeSync(fd);
  },
);
