import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import Sqlite from 'better-sqlite3';

import { guestPath } from '../../../../src/base/brand.ts';
import { withInstanceFiles } from '../../../../src/engine/instances/files.ts';
import { listInstances } from '../../../../src/engine/instances/list.ts';
import { createSnapshot } from '../../../../src/engine/snapshots/create.ts';
import { unattended, type EngineDeps, type SnapshotRecord } from '../../../../src/engine/types.ts';
import { Fault } from './faults.ts';
import {
  create,
  launch,
  layGround,
  remove,
  settle,
  shell,
  takeCensus,
  type Census,
  type Ground,
  type Life,
} from './ground.ts';

let ground: Ground;
let life: Life;
let empty: Census;
const fault = new Fault();

beforeAll(async () => {
  ground = await layGround();
  life = await ground.begin(fault.gate);
  await launch(life, 'first');
  await remove(life, 'first');
  await settle(ground, life);
  empty = await takeCensus(ground, life);
});

afterAll(async () => {
  await ground[Symbol.asyncDispose]();
});

afterEach(async () => {
  fault.arm();
  for (const { name } of listInstances(life.deps)) await remove(life, name);
  await settle(ground, life);
  expect(await takeCensus(ground, life)).toEqual(empty);
  expect(life.problems).toEqual([]);
});

const snapshot = (name: string, deps: EngineDeps = life.deps): Promise<SnapshotRecord> =>
  createSnapshot(deps, { instance: 'web', name, expiresAtMs: undefined }, unattended);
const copy = (name: string): Promise<void> =>
  create(life, name, { source: { type: 'copy', instance: 'web', instanceOnly: true } });

const write = (text: string): Promise<void> =>
  withInstanceFiles(life.deps, 'web', (files) => files.write(guestPath('/root/note'), text, {}));
const note = (name = 'web'): Promise<string> =>
  withInstanceFiles(life.deps, name, (files) => files.readText(guestPath('/root/note'), 1000));

/** What a full disk does to the statement that an SQLite trigger stands on. */
async function withoutRoomFor(event: string, work: () => Promise<void>): Promise<void> {
  const db = new Sqlite(ground.paths.database);
  try {
    db.exec(`CREATE TRIGGER full BEFORE ${event} BEGIN SELECT RAISE(ABORT, 'disk is full'); END`);
    await work();
  } finally {
    db.exec('DROP TRIGGER IF EXISTS full');
    db.close();
  }
}

describe('when it cannot be recorded', () => {
  it('a snapshot of a stopped machine leaves its files as they were', async () => {
    await create(life, 'web');
    await write('mine');
    const before = await life.deps.storage.listLayers();
    await withoutRoomFor('INSERT ON snapshots', async () => {
      await expect(snapshot('s0')).rejects.toThrow('disk is full');
      await expect(snapshot('s1')).rejects.toThrow('disk is full');
    });
    expect(await life.deps.storage.listLayers()).toEqual(before);
    expect(await note()).toBe('mine');

    // Again and again, since a recorded freeze must not be in the way of the next.
    await snapshot('s2');
    await snapshot('s3');
    expect(await note()).toBe('mine');
  });

  it('a copy of a stopped machine leaves its files as they were', async () => {
    await create(life, 'web');
    await write('mine');
    await withoutRoomFor('INSERT ON layers', async () => {
      await expect(copy('db')).rejects.toThrow('disk is full');
    });
    expect(await note()).toBe('mine');
    await copy('db');
    expect(await note('db')).toBe('mine');
  });

  it('a snapshot of a running machine leaves no layer behind', async () => {
    await launch(life, 'web');
    const before = await life.deps.storage.listLayers();
    await withoutRoomFor('INSERT ON snapshots', async () => {
      await expect(snapshot('s0')).rejects.toThrow('disk is full');
    });
    expect(await life.deps.storage.listLayers()).toEqual(before);
    expect((await shell(life, 'web', 'echo alive')).output).toBe('alive\n');
  });
});
