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
  const written = await layers.discard(hostPath(join(dir, 'upper')));
  expect(readdirSync(layersDir)).toHaveLength(1);
  expect(unfinished()).toEqual([]);
  await written.remove();
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

test('what was discarded is gone at the end, however short before it was discarded', async () => {
  const discard = async (name: string): Promise<void> => {
    fill(join(dir, name));
    await layers.discard(hostPath(join(dir, name)));
  };
  await discard('one');
  await discard('two');
  expect(readdirSync(layersDir)).toHaveLength(2);
  await layers.close(60_000);
  expect(readdirSync(layersDir)).toEqual([]);
  await discard('late');
  await layers.close(60_000);
  expect(readdirSync(layersDir)).toEqual([]);
  expect(problems).toEqual([]);
});

test('the end does not wait for ever for what is being removed', async () => {
  fill(join(dir, 'upper'));
  await layers.discard(hostPath(join(dir, 'upper')));
  await layers.close(0);
  expect(readdirSync(layersDir)).toHaveLength(1);
  await layers.close(60_000);
  expect(readdirSync(layersDir)).toEqual([]);
});

test('what is discarded is removed a moment later by itself', async () => {
  mkdirSync(join(dir, 'upper'));
  writeFileSync(join(dir, 'upper', 'file'), '');
  await layers.discard(hostPath(join(dir, 'upper')));
  expect(readdirSync(layersDir)).toHaveLength(1);
  await expect.poll(() => readdirSync(layersDir), { timeout: 10_000 }).toEqual([]);
});
