import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import Sqlite from 'better-sqlite3';

import { guestPath } from '../../../../src/base/brand.ts';
import { withInstanceFiles } from '../../../../src/engine/instances/files.ts';
import { freezeInstance } from '../../../../src/engine/instances/freeze.ts';
import { getInstance, listInstances } from '../../../../src/engine/instances/list.ts';
import { statusOf } from '../../../../src/engine/instances/state.ts';
import { unfreezeInstance } from '../../../../src/engine/instances/unfreeze.ts';
import { createSnapshot, type CreatedSnapshot } from '../../../../src/engine/snapshots/create.ts';
import { deleteSnapshot } from '../../../../src/engine/snapshots/delete.ts';
import { listSnapshots } from '../../../../src/engine/snapshots/list.ts';
import { measureSnapshots } from '../../../../src/engine/snapshots/measure.ts';
import { restoreSnapshot } from '../../../../src/engine/snapshots/restore.ts';
import { unattended, type EngineDeps } from '../../../../src/engine/types.ts';
import { until } from './ground.ts';
import { useEngine } from './test-engine.ts';

const engine = useEngine();
const broken = new Error('broken for the test');

const snapshot = (name: string, deps: EngineDeps = engine.deps): Promise<CreatedSnapshot> =>
  createSnapshot(deps, { instance: 'web', name, expiresAtMs: undefined }, unattended);
const restore = (name: string): ReturnType<typeof restoreSnapshot> =>
  restoreSnapshot(engine.deps, { instance: 'web', name }, unattended);
const removeSnapshot = (name: string): Promise<void> =>
  deleteSnapshot(engine.deps, { instance: 'web', name }, unattended);
const copy = (name: string): Promise<void> =>
  engine.create(name, { source: { type: 'copy', instance: 'web', instanceOnly: true } });

const write = (text: string): Promise<void> =>
  withInstanceFiles(engine.deps, 'web', (files) => files.write(guestPath('/root/note'), text, {}));
const note = (name = 'web'): Promise<string> =>
  withInstanceFiles(engine.deps, name, (files) => files.readText(guestPath('/root/note'), 1000));

const isFrozen = (): boolean =>
  readFileSync('/sys/fs/cgroup/machines/web/cgroup.events', 'utf8').includes('frozen 1');

/** The same engine with one port's functions replaced; what it holds of machines is shared. */
function altered<K extends 'storage' | 'runtime'>(
  port: K,
  changes: Partial<EngineDeps[K]>,
): EngineDeps {
  return { ...engine.deps, [port]: { ...engine.deps[port], ...changes } };
}

/** What a full disk does to the statement that an SQLite trigger stands on. */
async function withoutRoomFor(event: string, work: () => Promise<void>): Promise<void> {
  const db = new Sqlite(engine.ground.paths.database);
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
    await engine.create('web');
    await write('mine');
    const before = await engine.deps.storage.listLayers();
    await withoutRoomFor('INSERT ON snapshots', async () => {
      await expect(snapshot('s0')).rejects.toThrow('disk is full');
      await expect(snapshot('s1')).rejects.toThrow('disk is full');
    });
    expect(await engine.deps.storage.listLayers()).toEqual(before);
    expect(await note()).toBe('mine');

    // Again and again, since a recorded freeze must not be in the way of the next.
    await snapshot('s2');
    await snapshot('s3');
    expect(await note()).toBe('mine');
  });

  it('a copy of a stopped machine leaves its files as they were', async () => {
    await engine.create('web');
    await write('mine');
    await withoutRoomFor('INSERT ON layers', async () => {
      await expect(copy('db')).rejects.toThrow('disk is full');
    });
    expect(await note()).toBe('mine');
    await copy('db');
    expect(await note('db')).toBe('mine');
  });

  it('a snapshot of a running machine leaves no layer behind', async () => {
    await engine.launch('web');
    const before = await engine.deps.storage.listLayers();
    await withoutRoomFor('INSERT ON snapshots', async () => {
      await expect(snapshot('s0')).rejects.toThrow('disk is full');
    });
    expect(await engine.deps.storage.listLayers()).toEqual(before);
    expect((await engine.shell('web', 'echo alive')).output).toBe('alive\n');
  });
});

describe('a frozen machine', () => {
  it('is thawed by a restore, for later snapshots too', async () => {
    await engine.launch('web');
    await snapshot('s0');
    await freezeInstance(engine.deps, { name: 'web' }, unattended);
    await restore('s0');
    const record = getInstance(engine.deps, 'web');
    expect(statusOf(engine.deps, record)).toBe('Running');
    expect(record.config['volatile.frozen']).toBeUndefined();
    expect(record.config['volatile.last_state.power']).toBe('RUNNING');
    await engine.stop('web');
    expect(getInstance(engine.deps, 'web').config['volatile.last_state.power']).toBe('STOPPED');
  });

  it('stays frozen when it is copied, and thaws', async () => {
    await engine.launch('web');
    await freezeInstance(engine.deps, { name: 'web' }, unattended);
    await snapshot('s0');
    expect(isFrozen()).toBe(true);
    await unfreezeInstance(engine.deps, { name: 'web' }, unattended);
    expect((await engine.shell('web', 'echo alive')).output).toBe('alive\n');
  });

  it('is what a running one is while it is copied, whatever its row says', async () => {
    await engine.launch('web');
    engine.deps.store.instances.mergeConfig(getInstance(engine.deps, 'web').id, {
      'volatile.frozen': 'true',
    });
    const seen: boolean[] = [];
    const deps = altered('storage', {
      copyUpper: (id, options) => {
        seen.push(isFrozen());
        return engine.deps.storage.copyUpper(id, options);
      },
    });
    await snapshot('s0', deps);
    expect(seen).toEqual([true]);
    expect((await engine.shell('web', 'echo alive')).output).toBe('alive\n');
  });
});

it('a running machine is frozen for the copy alone, and how long is told', async () => {
  await engine.launch('web');
  const { id } = getInstance(engine.deps, 'web');
  const seen: unknown[] = [];
  const look = (when: string): void => {
    seen.push([when, isFrozen(), engine.deps.store.snapshots.list(id).length]);
  };
  engine.fault.arm('runtime.thaw', async (run) => {
    look('copied');
    await run();
    look('thawed');
  });
  const startedMs = performance.now();
  const { frozenMs } = await snapshot('s0');
  const tookMs = performance.now() - startedMs;
  look('recorded');
  expect(engine.fault.trail).toEqual(['runtime.freeze', 'storage.copyUpper', 'runtime.thaw']);
  expect(seen).toEqual([
    ['copied', true, 0],
    ['thawed', false, 0],
    ['recorded', false, 1],
  ]);
  expect(frozenMs).toBeGreaterThan(0);
  expect(frozenMs).toBeLessThanOrEqual(Math.round(tookMs));
});

describe('a restore', () => {
  it("leaves the directories alone that inner containers' storage needs", async () => {
    await engine.launch('web', { config: { 'security.nesting': 'true' } });
    await engine.shell('web', 'echo old >/root/note; echo old >/var/lib/docker/volume');
    await snapshot('s0');
    await engine.shell('web', 'echo new >/root/note; echo new >/var/lib/docker/volume');
    await restore('s0');
    expect(await engine.shell('web', 'cat /root/note /var/lib/docker/volume')).toEqual({
      status: 0,
      output: 'old\nnew\n',
    });
  });

  it.each(['before', 'after'])(
    'that failed %s it emptied the machine is finished by the next start, copy or access',
    async (when) => {
      const uses = {
        start: () => engine.start('web'),
        copy: () => copy('db'),
        access: () => note().then(() => undefined),
      };
      for (const use of Object.values(uses)) {
        await engine.create('web');
        await write('old');
        await snapshot('s0');
        await write('new');
        engine.fault.arm('storage.emptyUpper', async (run) => {
          if (when === 'after') await run();
          throw broken;
        });
        await expect(restore('s0')).rejects.toBe(broken);
        await use();
        expect(await note()).toBe('old');
        for (const { name } of listInstances(engine.deps)) await engine.remove(name);
      }
    },
  );
});

it('a snapshot does not fail for want of a size to show', async () => {
  await engine.launch('web');
  const deps = altered('storage', {
    upperSizes: () => Promise.reject(broken),
    layerSize: () => Promise.reject(broken),
  });
  expect(await snapshot('s0', deps)).toMatchObject({ name: 's0', sizeBytes: 0 });
  await engine.shell('web', 'dd if=/dev/zero of=/root/big bs=1M count=1');
  await snapshot('s1');
  await until('its size is known', () => {
    const found = listSnapshots(engine.deps, 'web').find(({ name }) => name === 's1');
    return Promise.resolve((found?.sizeBytes ?? 0) >= 1 << 20);
  });
});

it('a snapshot that nobody came to measure is measured in a copy and after the next start', async () => {
  await engine.create('web');
  await write('x'.repeat(1 << 20));
  await snapshot('s0', altered('storage', { layerSize: () => Promise.reject(broken) }));
  await engine.create('twin', { source: { type: 'copy', instance: 'web', instanceOnly: false } });
  const size = (name: string): number => listSnapshots(engine.deps, name)[0]?.sizeBytes ?? -1;
  expect([size('web'), size('twin')]).toEqual([0, 0]);
  await until('its size is known', () => size('twin') >= 1 << 20);
  expect(size('web')).toBe(0);
  await measureSnapshots(engine.deps, unattended);
  expect(size('web')).toBe(size('twin'));
});

it('a transfer into a machine ends with its run, and changes no snapshot of it', async () => {
  await engine.launch('web');
  const content = new PassThrough();
  const transfer = withInstanceFiles(engine.deps, 'web', (files) =>
    files.write(guestPath('/root/slow'), content, {}),
  );
  const outcome = transfer.then(
    () => 'went on',
    () => 'ended',
  );
  content.write('begun');
  await until('the file is there', async () => {
    const { output } = await engine.shell('web', 'cat /root/slow');
    return output === 'begun';
  });
  await engine.stop('web');
  await snapshot('s0');
  const layer = getInstance(engine.deps, 'web').layers[0] ?? '';
  content.end(' and went on');
  expect(await outcome).toBe('ended');
  expect(readdirSync(`${engine.ground.paths.layersDir}/${layer}/root`)).toContain('slow');
  expect(readFileSync(`${engine.ground.paths.layersDir}/${layer}/root/slow`, 'utf8')).toBe('begun');
});

it('a chain that grows long is flattened, and every snapshot stays what it was', async () => {
  await engine.create('web');
  const deps = altered('storage', { maxLayers: 14 });
  for (let index = 0; index < 12; index++) {
    await write(`note ${index}`);
    await snapshot(`s${index}`, deps);
  }
  expect(getInstance(engine.deps, 'web').layers.length).toBeLessThan(10);
  expect(await note()).toBe('note 11');
  for (const index of [0, 4, 5, 6, 10]) {
    await restore(`s${index}`);
    expect(await note()).toBe(`note ${index}`);
  }
});

it('copies of a machine that has written nothing since stand on as few layers as the first', async () => {
  const layers = (name: string): readonly string[] => getInstance(engine.deps, name).layers;
  await engine.create('web');
  await write('mine');
  await copy('first');
  const chain = layers('first');
  expect(layers('web')).toEqual(chain);
  await copy('second');
  expect(layers('second')).toEqual(chain);
  expect(await note('second')).toBe('mine');
  await write('changed');
  await copy('third');
  expect(layers('third')).toEqual([expect.any(String), ...chain]);
  expect(await note('third')).toBe('changed');
  expect(await note('second')).toBe('mine');
});

it('the root directory itself is of what a machine has written', async () => {
  const modes = ['700', '755'];
  await engine.create('web');
  for (const mode of modes) {
    await engine.start('web');
    await engine.shell('web', `chmod ${mode} /`);
    await engine.stop('web');
    await copy(`with-${mode}`);
  }
  await engine.start('with-700');
  await engine.start('with-755');
  for (const mode of modes) {
    const { output } = await engine.shell(`with-${mode}`, 'stat -c %a /');
    expect(output.trim()).toBe(mode);
  }
});

describe('when the daemon dies while a long chain is flattened', () => {
  type Storage = EngineDeps['storage'];
  const died: Readonly<Record<string, (die: () => Promise<never>) => Partial<Storage>>> = {
    'in the middle of the copy': (die) => ({
      flatten: async (owner) => {
        const staged = await engine.deps.storage.stageLayer(owner);
        writeFileSync(`${staged.path}/half`, 'of a');
        return await die();
      },
    }),
    'before the copy is recorded': (die) => ({
      flatten: async (...input) => {
        await engine.deps.storage.flatten(...input);
        return await die();
      },
    }),
    'before what nothing stands on any more is removed': (die) => ({ removeLayer: die }),
  };

  it.each(Object.keys(died))('%s, nothing is lost and nothing is left over', async (when) => {
    await engine.create('web');
    for (let index = 0; index < 8; index++) {
      await write(`note ${index}`);
      await snapshot(`s${index}`);
    }
    // Their layers are of use to the chain alone.
    for (const index of [5, 6, 7]) await removeSnapshot(`s${index}`);
    await write('now');
    await new Promise<void>((resolve, reject) => {
      const die = (): Promise<never> => {
        engine.die();
        resolve();
        return new Promise(() => undefined);
      };
      const deps = altered('storage', { maxLayers: 14, ...died[when]?.(die) });
      snapshot('last', deps).then(() => {
        reject(new Error('it did not die'));
      }, reject);
    });
    await engine.begin();

    expect(await note()).toBe('now');
    const rows = engine.deps.store.layers.list().map(({ id }) => id);
    expect((await engine.deps.storage.listLayers()).sort()).toEqual(rows.sort());
    await snapshot('after', altered('storage', { maxLayers: 14 }));
    expect(getInstance(engine.deps, 'web').layers.length).toBeLessThan(5);
    for (const index of [0, 2, 4]) {
      await restore(`s${index}`);
      expect(await note()).toBe(`note ${index}`);
    }
    await restore('after');
    expect(await note()).toBe('now');
  });
});
