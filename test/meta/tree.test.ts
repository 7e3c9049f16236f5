import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';

import { gateways, layers } from '../lint/layers.ts';

const root = join(import.meta.dirname, '../..');
const bin = join(root, 'node_modules/.bin');

/** Runs one of the project's own checks; its output is the failure's message. */
async function check(program: string, args: readonly string[]): Promise<void> {
  await execa(join(bin, program), args, { cwd: root });
}

describe.concurrent('in the whole tree', { timeout: 300_000 }, () => {
  test('the lint rules hold', async () => {
    await check('eslint', ['.']);
  });

  test('the types hold', async () => {
    await check('tsc', ['--noEmit']);
  });

  test('the formatting holds', async () => {
    await check('prettier', ['--check', '.', '--log-level', 'warn']);
  });
});

test('every folder of src is a layer, or holds no modules', () => {
  for (const folder of readdirSync(join(root, 'src'))) {
    if (!statSync(join(root, 'src', folder)).isDirectory()) continue;
    const modules = readdirSync(join(root, 'src', folder), { recursive: true, encoding: 'utf8' });
    if (modules.some((name) => name.endsWith('.ts'))) expect(layers).toHaveProperty(folder);
  }
});

test('the layers have no cycle', () => {
  const below = (layer: string, seen: readonly string[]): void => {
    expect(seen, `cycle through ${layer}`).not.toContain(layer);
    for (const lower of layers[layer as keyof typeof layers]) below(lower, [...seen, layer]);
  };
  for (const layer of Object.keys(layers)) below(layer, []);
});

/** The text of every module below `folders`, by its path. */
function readModules(...folders: readonly string[]): Map<string, string> {
  const names = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
      join(folder, name),
    ),
  );
  const modules = names.filter((name) => /\.(ts|mjs)$/.test(name));
  return new Map(modules.map((name) => [name, readFileSync(join(root, name), 'utf8')]));
}

test('no function, constant or class is exported that no other module names', () => {
  const texts = readModules('src', 'test');
  const modulesWith = new Map<string, number>();
  for (const text of texts.values()) {
    for (const word of new Set(text.match(/\w+/g))) {
      modulesWith.set(word, (modulesWith.get(word) ?? 0) + 1);
    }
  }
  const unused: string[] = [];
  for (const [file, text] of texts) {
    if (!file.startsWith('src/')) continue;
    const exported = text.matchAll(/^export (?:async )?(?:function\*?|const|class) (\w+)/gm);
    for (const [, name = ''] of exported) {
      if (modulesWith.get(name) === 1) unused.push(`${file}: ${name}`);
    }
  }
  expect(unused).toEqual([]);
});

test('only points in time are read off the clock that can be set, and what lasts off the other', () => {
  const readers = [...readModules('src')].filter(([, text]) => text.includes('Date.now()'));
  // Dates that are kept or shown, and the schedule.
  expect(readers.map(([file]) => file).sort()).toEqual([
    'src/base/minutes.ts',
    'src/cli/export-options.ts',
    'src/cli/main.ts',
    'src/daemon/certificate.ts',
    'src/daemon/main.ts',
    'src/image/build/build.ts',
  ]);
});

test('no comment is wider than the code, which prettier leaves as it is', () => {
  const wide: string[] = [];
  for (const [file, text] of readModules('src', 'test')) {
    for (const [index, line] of text.split('\n').entries()) {
      if (line.length > 100 && /^\s*(\/\/(?! eslint-)|\/?\*)/.test(line))
        wide.push(`${file}:${index + 1}`);
    }
  }
  expect(wide).toEqual([]);
});

test('every dependency is used and every gateway package is a dependency', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(gateways)) expect(dependencies).toHaveProperty(name);
  const sources = [...readModules('src').values()].join('\n');
  for (const name of Object.keys(dependencies)) {
    expect(sources.includes(`'${name}`), `${name} is imported somewhere`).toBe(true);
  }
});
