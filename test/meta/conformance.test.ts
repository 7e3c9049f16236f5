import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const folder = join(import.meta.dirname, '../conformance');

test('COVERAGE.md is of the conformance tests as they are', () => {
  const coverage = readFileSync(join(folder, 'COVERAGE.md'), 'utf8');
  const ran = coverage.split('\n').flatMap((line) => /^- .+ > (.+)$/.exec(line)?.[1] ?? []);
  const titles = readdirSync(folder)
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .flatMap((text) => [...text.matchAll(/^ {2}(?:test|ansible)\(\s*'((?:[^'\\]|\\.)+)'/gm)])
    .map(([, title = '']) => title);
  expect(ran.sort()).toEqual(titles.sort());
});
