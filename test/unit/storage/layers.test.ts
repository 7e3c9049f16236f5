import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { hostPath } from '../../../src/base/brand.ts';
import { makeLayers, type Layers } from '../../../src/storage/layers.ts';
import { lookAt } from '../../../src/storage/look.ts';

let dir: string;
let layersDir: string;
let layers: Layers;
const problems: string[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'layers-'));
  layersDir = join(dir, 'layers');
  const note = (_: object, message: string): void => {
    problems.push(message);
  };
  layers = makeLayers(hostPath(layersDir), { info: note, warn: note, error: note });
  mkdirSync(layersDir);
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** More than is removed in a moment. */
function fill(directory: string): void {
  mkdirSync(directory);
  for (let file = 0; file < 5000; file++) writeFileSync(join(directory, `${file}`), '');
}

const unfinished = (): readonly string[] => {
  const none = hostPath(join(dir, 'none'));
  const paths = { layersDir: hostPath(layersDir), instancesDir: none, volumesDir: none };
  return lookAt(paths, (path) => layers.isLeaving(path)).unfinished;
};

test('what is being discarded or removed is not left behind, and what a death left is', async () => {
  fill(join(dir, 'upper'));
  const { removed } = await layers.discard(hostPath(join(dir, 'upper')));
  expect(readdirSync(layersDir)).toHaveLength(1);
  expect(unfinished()).toEqual([]);
  await removed;
  expect(readdirSync(layersDir)).toEqual([]);

  fill(join(layersDir, 'layer01'));
  const removal = layers.remove('layer01');
  while (readdirSync(layersDir)[0] !== 'layer01.gone') await new Promise(setImmediate);
  expect(unfinished()).toEqual([]);
  await removal;

  mkdirSync(join(layersDir, 'half001.gone'));
  expect(unfinished()).toEqual([join(layersDir, 'half001.gone')]);
  expect(problems).toEqual([]);
});
