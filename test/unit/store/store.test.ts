import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { WarrenError } from '../../../src/contract/errors.ts';
import { migrate } from '../../../src/store/migrate.ts';
import { migrations } from '../../../src/store/migrations/all.ts';
import { openStore } from '../../../src/store/open.ts';
import type { Store } from '../../../src/store/store.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'store-'));
  path = join(dir, 'warren.db');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

function withStore<T>(work: (store: Store) => T): T {
  const store = openStore(path);
  try {
    return work(store);
  } finally {
    store.close();
  }
}

const plain = { description: '', config: {}, devices: {} };

/** A machine with everything that a machine stands on. */
function addMachine(store: Store, name: string, start: number): number {
  return store.transaction(() => {
    const sliceId = store.slices.insert({ start, size: 65_536, isolated: true });
    store.layers.insert({
      id: `l${start}`,
      owner: { start, size: 65_536 },
      shiftedFrom: undefined,
    });
    return store.instances.insert({
      ...plain,
      name,
      architecture: 'x86_64',
      ephemeral: false,
      createdAtMs: 0,
      sliceId,
      profiles: ['default'],
      layers: [`l${start}`],
    });
  });
}

describe('opening', () => {
  test('makes a private file with the newest schema, and again changes nothing', () => {
    withStore((store) => store.networks.insert({ ...plain, name: 'n' }));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    withStore((store) => {
      expect(store.networks.list().map(({ name }) => name)).toEqual(['n']);
    });
    const db = new Sqlite(path);
    expect(db.pragma('user_version', { simple: true })).toBe(migrations.length);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    db.close();
    expect(readdirSync(dir).filter((name) => name.includes('.db.v'))).toEqual([]);
  });

  test('reaches the same schema from every earlier one', () => {
    const schemaFrom = (version: number): unknown => {
      const db = new Sqlite(join(dir, `from-${version}.db`));
      migrate(db, migrations.slice(0, version));
      migrate(db, migrations);
      const schema = db.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY name').all();
      db.close();
      return schema;
    };
    const whole = schemaFrom(0);
    expect(whole).toHaveLength(new Set((whole as { name: string }[]).map(({ name }) => name)).size);
    for (const version of migrations.keys()) expect(schemaFrom(version + 1)).toEqual(whole);
  });

  test('takes images along to the schema in which each is a project’s', () => {
    const db = new Sqlite(path);
    migrate(db, migrations.slice(0, 5));
    const [one, two] = ['1', '2'].map((digit) => digit.repeat(64));
    db.exec(`
      INSERT INTO layers (id, owner_start, owner_size) VALUES ('l', 1, 2);
      INSERT INTO images (id, fingerprint, architecture, filename, size_bytes, public, auto_update,
        cached, created_at, uploaded_at, format) VALUES
        (3, '${one}', 'x86_64', 'a', 5, 0, 1, 0, 10, 20, 'split'),
        (7, '${two}', 'x86_64', 'b', 6, 1, 0, 1, 11, 21, 'unified');
      INSERT INTO images_properties VALUES (3, 'os', 'x');
      INSERT INTO images_profiles VALUES (3, 0, 'default');
      INSERT INTO images_aliases VALUES ('n', 'd', 7);
      INSERT INTO images_layers VALUES (3, 'l');
      INSERT INTO images_sources VALUES (3, 's', 'p', 'a');
      INSERT INTO images_metadata VALUES (3, 'm');
      INSERT INTO images_templates VALUES (3, 't', 'c');`);
    db.close();
    withStore((store) => {
      expect(store.problems()).toEqual([]);
      expect(store.images.list()).toMatchObject([
        {
          ...{ id: 3, project: 'default', fingerprint: one, autoUpdate: true, format: 'split' },
          ...{ properties: { os: 'x' }, profiles: ['default'], source: { server: 's' } },
        },
        { id: 7, public: true, cached: true, aliases: [{ name: 'n', fingerprint: two }] },
      ]);
      expect(store.layers.listOfImage(3)).toHaveLength(1);
      expect(store.imageTemplates.find(3)).toMatchObject({ files: { t: 'c' } });
      expect(store.aliases.list('default')).toMatchObject([{ project: 'default', name: 'n' }]);
      store.images.delete(3);
      expect(store.layers.takeUnused(new Set())).toEqual(['l']);
    });
  });

  test('keeps a copy of what an upgrade changes', () => {
    const db = new Sqlite(path);
    migrate(db, ['CREATE TABLE t (a TEXT)']);
    db.exec(`INSERT INTO t VALUES ('old')`);
    migrate(db, ['CREATE TABLE t (a TEXT)', `UPDATE t SET a = 'new'`]);
    expect(db.prepare('SELECT a FROM t').pluck().all()).toEqual(['new']);
    db.close();
    const copy = new Sqlite(`${path}.v1`);
    expect(copy.prepare('SELECT a FROM t').pluck().all()).toEqual(['old']);
    expect(copy.pragma('user_version', { simple: true })).toBe(1);
    copy.close();
  });

  test('undoes a step that fails, and takes it up there again', () => {
    const db = new Sqlite(path);
    const [first, third] = ['CREATE TABLE t (a TEXT)', 'CREATE TABLE v (a TEXT)'];
    const broken = 'CREATE TABLE u (a TEXT); INSERT INTO nowhere VALUES (1)';
    expect(() => {
      migrate(db, [first, broken, third]);
    }).toThrow('no such table: nowhere');
    const tables = (): unknown[] =>
      db.prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`).pluck().all();
    expect(tables()).toEqual(['t']);
    expect(db.pragma('user_version', { simple: true })).toBe(1);
    migrate(db, [first, 'CREATE TABLE u (a TEXT)', third]);
    expect(tables()).toEqual(['t', 'u', 'v']);
    db.close();
  });

  test('refuses a database of a newer warren and leaves it as it is', () => {
    withStore(() => undefined);
    const db = new Sqlite(path);
    db.pragma(`user_version = ${migrations.length + 1}`);
    db.close();
    const error = thrown(() => openStore(path));
    expect(error).toBeInstanceOf(WarrenError);
    expect(error).toMatchObject({
      code: 'unsupported',
      message: `Cannot open the database: ${path} has schema version ${migrations.length + 1} and this warren knows versions up to ${migrations.length}`,
      hint: 'install the newer warren again',
    });
    expect(existsSync(`${path}.v${migrations.length + 1}`)).toBe(false);
  });

  test.each([
    [
      'is no database',
      Buffer.from('no database at all, but long enough to be read as one'.repeat(9)),
    ],
    ['has lost its pages', undefined],
  ])('says that a file that %s is damaged', (_, content) => {
    if (content !== undefined) writeFileSync(path, content);
    else {
      withStore((store) => store.networks.insert({ ...plain, name: 'n' }));
      const whole = statSync(path).size;
      writeFileSync(path, Buffer.alloc(whole - 4096, 0x5a), { flag: 'r+' });
    }
    expect(thrown(() => openStore(path))).toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/^Cannot read the database: .* is damaged \(/) as string,
    });
  });
});

describe('a transaction', () => {
  test('that throws leaves nothing, also of what it called', () => {
    withStore((store) => {
      const failed = thrown(() =>
        store.transaction(() => {
          store.profiles.insert({ ...plain, name: 'a' });
          store.reclaim(() => store.networks.insert({ ...plain, name: 'b' }));
          throw new RangeError('no');
        }),
      );
      expect(failed).toBeInstanceOf(RangeError);
      expect([store.profiles.list(), store.networks.list()]).toEqual([[], []]);
    });
  });

  test('that names what is there already throws `exists` and leaves nothing', () => {
    withStore((store) => {
      store.profiles.insert({ ...plain, name: 'default' });
      store.networks.insert({ ...plain, name: 'n' });
      addMachine(store, 'm', 1);
      const inserts: readonly (readonly [string, () => unknown])[] = [
        ['instance', () => addMachine(store, 'm', 100_000)],
        ['profile', () => store.profiles.insert({ ...plain, name: 'default' })],
        ['network', () => store.networks.insert({ ...plain, name: 'n' })],
      ];
      for (const [kind, insert] of inserts) {
        expect(thrown(insert), kind).toMatchObject({ code: 'exists', details: { kind } });
      }
      expect(store.slices.list()).toHaveLength(1);
      expect(store.layers.list()).toHaveLength(1);
    });
  });

  test('cannot take away what something stands on, and takes along what belongs to it', () => {
    withStore((store) => {
      store.profiles.insert({ ...plain, name: 'default' });
      const id = addMachine(store, 'm', 1);
      store.instances.mergeConfig(id, { 'user.a': 'b' });
      const db = new Sqlite(path);
      db.pragma('foreign_keys = ON');
      for (const table of ['layers', 'slices', 'profiles']) {
        expect(() => db.exec(`DELETE FROM ${table}`), table).toThrow(
          'FOREIGN KEY constraint failed',
        );
      }
      expect(store.layers.takeUnused(new Set())).toEqual([]);
      store.instances.delete(id);
      for (const part of ['config', 'devices', 'profiles', 'layers']) {
        expect(db.prepare(`SELECT count(*) FROM instances_${part}`).pluck().get(), part).toBe(0);
      }
      expect(store.layers.takeUnused(new Set())).toEqual(['l1']);
      db.close();
    });
  });

  test('names a profile that does not exist, and is undone', () => {
    withStore((store) => {
      expect(() => addMachine(store, 'm', 1)).toThrow(/NOT NULL constraint failed/);
      expect([store.instances.count(), store.slices.list(), store.layers.list()]).toEqual([
        0,
        [],
        [],
      ]);
    });
  });
});

describe('another process', { timeout: 30_000 }, () => {
  const root = join(import.meta.dirname, '../../..');
  let writer: string;

  beforeEach(async () => {
    writer = join(dir, 'writer.cjs');
    await build({
      entryPoints: [join(root, 'test/fixtures/store/writer.ts')],
      outfile: writer,
      bundle: true,
      platform: 'node',
      packages: 'external',
      logLevel: 'error',
    });
  });

  /** Starts it; resolves when it is inside its transaction. */
  async function startWriter(name: string, ms: number): Promise<ChildProcess> {
    const child = spawn(process.execPath, [writer, path, name, String(ms)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_PATH: join(root, 'node_modules') },
    });
    await once(child.stdout, 'data');
    return child;
  }

  test('that is killed inside a transaction leaves the old state', async () => {
    withStore((store) => store.networks.insert({ ...plain, name: 'before' }));
    const child = await startWriter('lost', 60_000);
    child.kill('SIGKILL');
    await once(child, 'exit');
    withStore((store) => {
      expect(store.networks.list().map(({ name }) => name)).toEqual(['before']);
      expect(store.networks.insert({ ...plain, name: 'after' })).toMatchObject({ name: 'after' });
    });
    const db = new Sqlite(path);
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(db.prepare('SELECT count(*) FROM networks_config').pluck().get()).toBe(0);
    db.close();
  });

  test('that writes is waited for, and both have written', async () => {
    withStore(() => undefined);
    const child = await startWriter('theirs', 200);
    const ended = once(child, 'exit');
    withStore((store) => {
      store.transaction(() => store.networks.insert({ ...plain, name: 'ours' }));
    });
    expect(await ended).toEqual([0, null]);
    withStore((store) => {
      const names = store.networks.list().map(({ name }) => name);
      expect(names).toEqual(['ours', 'theirs', 'theirs-2']);
    });
  });

  test('that holds it for ever is told of in a sentence', async () => {
    withStore(() => undefined);
    const child = await startWriter('theirs', 60_000);
    try {
      const error = thrown(() =>
        withStore((store) =>
          store.transaction(() => store.networks.insert({ ...plain, name: 'ours' })),
        ),
      );
      expect(error).toMatchObject({
        code: 'unsupported',
        message: `Cannot use the database: ${path} is locked by another process`,
      });
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });
});

describe('the reserve', () => {
  test('is kept beside the database, once', () => {
    withStore(() => undefined);
    const { size, mtimeMs } = statSync(`${path}.reserve`);
    expect(size).toBe(1024 * 1024);
    withStore((store) => {
      store.reclaim(() => undefined);
    });
    expect(statSync(`${path}.reserve`).mtimeMs).toBe(mtimeMs);
    rmSync(`${path}.reserve`);
    withStore((store) => {
      rmSync(`${path}.reserve`, { force: true });
      store.reclaim(() => undefined);
    });
    expect(statSync(`${path}.reserve`).size).toBe(size);
  });
});
