import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { expect, it } from 'vitest';

import type { StorageReport } from '../../../../src/contract/api/storage-check.ts';
import { getInstance } from '../../../../src/engine/instances/list.ts';
import { createSnapshot } from '../../../../src/engine/snapshots/create.ts';
import { checkStorage } from '../../../../src/engine/storage-check/check.ts';
import { unattended } from '../../../../src/engine/types.ts';
import { useEngine } from './test-engine.ts';

const engine = useEngine();

const check = (repair = false, isBusy = (): boolean => false): Promise<StorageReport> =>
  checkStorage(engine.deps, { repair, isBusy }, unattended);

const kinds = ({ problems }: StorageReport): string[] => problems.map(({ kind }) => kind).sort();

async function machineWithSnapshot(): Promise<void> {
  await engine.create('web');
  await createSnapshot(
    engine.deps,
    { instance: 'web', name: 's0', expiresAtMs: undefined },
    unattended,
  );
}

/** One of each that a crash could leave, if recovery did not remove it. */
function leaveThingsBehind(): string[] {
  const { layersDir, instancesDir, volumesDir, database } = engine.ground.paths;
  const paths = [
    `${layersDir}/stray01`,
    `${layersDir}/half001.part`,
    `${layersDir}/half002.gone`,
    `${layersDir}/unused1`,
    `${instancesDir}/4711/upper`,
    `${volumesDir}/stray02`,
  ];
  for (const path of paths) {
    mkdirSync(path, { recursive: true });
    writeFileSync(`${path}/file`, 'left over');
  }
  const db = new Sqlite(database);
  db.prepare('INSERT INTO layers VALUES (?, 100000, 65536, NULL)').run('unused1');
  db.close();
  return paths;
}

it('finds nothing wrong with machines and snapshots, and counts what stands on what', async () => {
  await machineWithSnapshot();
  const { problems, counts } = await check();
  expect(problems).toEqual([]);
  // The machine and the snapshot stand on the snapshot's layer and on the image's, which the image
  // has as well.
  const { layers } = getInstance(engine.deps, 'web');
  expect(counts).toMatchObject({ instances: 1, snapshots: 1, images: 1, volumes: 0 });
  expect(counts.references).toBeGreaterThanOrEqual(2 * layers.length + 1);
  expect(counts.layers).toBe((await engine.deps.storage.listLayers()).length);
});

it('tells what is left over, and removes it only when that is asked for', async () => {
  await machineWithSnapshot();
  const paths = leaveThingsBehind();
  const wanted = [
    ...['instance-stray', 'layer-stray', 'layer-unused', 'unfinished', 'unfinished'],
    'volume-stray',
  ];
  const found = await check();
  expect(kinds(found)).toEqual(wanted);
  expect(found.problems.some(({ repaired }) => repaired)).toBe(false);
  expect(paths.filter((path) => !existsSync(path))).toEqual([]);

  const mended = await check(true);
  expect(kinds(mended)).toEqual(wanted);
  expect(mended.problems.every(({ repaired }) => repaired)).toBe(true);
  expect(paths.filter((path) => existsSync(path))).toEqual([]);
  expect(await check()).toMatchObject({ problems: [] });
});

it('names what stands on a layer that is missing, and removes nothing for it', async () => {
  await machineWithSnapshot();
  const layer = getInstance(engine.deps, 'web').layers[0] ?? '';
  const path = `${engine.ground.paths.layersDir}/${layer}`;
  renameSync(path, `${engine.ground.paths.dataDir}/aside`);
  const { problems } = await check(true);
  renameSync(`${engine.ground.paths.dataDir}/aside`, path);
  expect(problems).toMatchObject([{ kind: 'layer-missing', subject: layer, repaired: false }]);
  expect(problems[0]?.problem).toContain('instance web');
  expect(problems[0]?.problem).toContain('snapshot web/s0');
  expect(await check()).toMatchObject({ problems: [] });
});

it('says nothing about what is under way, and waits for its end', async () => {
  const { layersDir } = engine.ground.paths;
  const part = `${layersDir}/work001.part`;
  mkdirSync(part);
  let busy = true;
  let hasEnded = false;
  const report = check(true, () => busy).then((result) => {
    hasEnded = true;
    return result;
  });
  const held = await engine.deps.live.locks.wait('web');
  busy = false;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(hasEnded).toBe(false);
  renameSync(part, `${layersDir}/.work`);
  held[Symbol.dispose]();
  expect(await report).toMatchObject({ problems: [] });
  renameSync(`${layersDir}/.work`, part);
  expect(kinds(await check(true))).toEqual(['unfinished']);
});
