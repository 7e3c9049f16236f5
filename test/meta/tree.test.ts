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

test('every dependency is used and every gateway package is a dependency', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(gateways)) expect(dependencies).toHaveProperty(name);
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(root, 'src', name), 'utf8'))
    .join('\n');
  for (const name of Object.keys(dependencies)) {
    expect(sources.includes(`'${name}`), `${name} is imported somewhere`).toBe(true);
  }
});
