import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

import { diffTrees } from '../../../src/storage/diff.ts';

const ground = mkdtempSync(join(tmpdir(), 'warren-diff-'));
afterAll(() => {
  rmSync(ground, { recursive: true });
});

function tree(name: string, directory: string, ...files: readonly string[]): string {
  mkdirSync(join(ground, name, directory), { recursive: true });
  for (const file of files) writeFileSync(join(ground, name, directory, file), '');
  return join(ground, name);
}

test.each([
  ['that both have', tree('old', 'd', 'a'), tree('now', 'd', 'a', 'b', 'c')],
  ['that is new', tree('none', 'e'), tree('new', 'e/d', 'a', 'b', 'c')],
  ['that is gone', tree('was', 'd', 'a', 'b', 'c'), tree('left', '.')],
])('a directory %s is compared up to a number of names', async (_which, from, to) => {
  const input = { from, to, layers: undefined, maxChanges: 10 };
  const changes = await diffTrees({ ...input, maxNames: 3 });
  expect(changes.map(({ path }) => path.toString()).slice(-2)).toEqual(
    expect.arrayContaining([expect.stringMatching(/d\/c$/)]),
  );
  await expect(diffTrees({ ...input, maxNames: 2 })).rejects.toThrow(
    /Cannot compare \/(e\/)?d: it has more than 2 names/,
  );
});
