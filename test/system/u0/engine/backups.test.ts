import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { hostPath } from '../../../../src/base/brand.ts';
import { deleteBackup } from '../../../../src/engine/backups/change.ts';
import { createBackup } from '../../../../src/engine/backups/create.ts';
import { importBackup, readBackup } from '../../../../src/engine/backups/import.ts';
import { backupFile } from '../../../../src/engine/backups/records.ts';
import { getInstance, listInstances } from '../../../../src/engine/instances/list.ts';
import { createProfile } from '../../../../src/engine/profiles/create.ts';
import { deleteProfile } from '../../../../src/engine/profiles/delete.ts';
import { updateProfile } from '../../../../src/engine/profiles/update.ts';
import { createSnapshot } from '../../../../src/engine/snapshots/create.ts';
import { listSnapshots } from '../../../../src/engine/snapshots/list.ts';
import { restoreSnapshot } from '../../../../src/engine/snapshots/restore.ts';
import { unattended } from '../../../../src/engine/types.ts';
import { fillNastily } from './nasty.ts';
import { useEngine } from './test-engine.ts';

const engine = useEngine(() => {
  expect(backups()).toEqual([]);
});

const backups = (): string[] => {
  const dir = `${engine.ground.paths.dataDir}/backups`;
  return existsSync(dir) ? readdirSync(dir) : [];
};
const snapshot = (instance: string, name: string): Promise<unknown> =>
  createSnapshot(engine.deps, { instance, name, expiresAtMs: undefined }, unattended);
const restore = (instance: string, name: string): Promise<unknown> =>
  restoreSnapshot(engine.deps, { instance, name }, unattended);

/** Ids of its own, so that what is imported has others. */
const isolated = { 'security.idmap.isolated': 'true', 'security.idmap.size': '20000' };

async function exportIt(name: string, instanceOnly = false): Promise<string> {
  const input = { instance: name, name: 'b', expiresAtMs: undefined, instanceOnly } as const;
  await createBackup(engine.deps, { ...input, compression: undefined }, unattended);
  const kept = hostPath(`${engine.ground.paths.dataDir}/kept`);
  renameSync(backupFile(engine.deps, getInstance(engine.deps, name).id, 'b'), kept);
  await deleteBackup(engine.deps, { instance: name, name: 'b' }, unattended);
  return kept;
}

async function importIt(file: string, name: string): Promise<void> {
  const backup = await readBackup(engine.deps, hostPath(file), name, 'default', unattended);
  await importBackup(engine.deps, backup, unattended);
}

describe('an exported machine', () => {
  it('is imported with its snapshots for other ids, the same in everything a guest sees', async () => {
    await engine.create('web', { config: isolated });
    await engine.withRoot('web', (root, { slice }) => {
      fillNastily(root, slice);
    });
    const first = await engine.manifest('web');
    await snapshot('web', 's1');
    await engine.withRoot('web', (root, { slice: { start } }) => {
      rmSync(join(root, 'nasty/deep'), { recursive: true });
      rmSync(join(root, 'nasty/suid'));
      mkdirSync(`${root}/nasty/suid`);
      rmSync(`${root}/etc/passwd`);
      writeFileSync(`${root}/nasty/holes`, 'no more');
      chownSync(`${root}/nasty/suid`, start, start);
    });
    const second = await engine.manifest('web');
    await snapshot('web', 's2');
    await engine.withRoot('web', (root, { slice: { start } }) => {
      mkdirSync(`${root}/nasty/deep`);
      writeFileSync(`${root}/nasty/deep/again`, 'again');
      chownSync(`${root}/nasty/deep`, start, start);
      chownSync(`${root}/nasty/deep/again`, start, start);
    });
    const third = await engine.manifest('web');
    expect(third.length).toBeGreaterThan(50);

    const file = await exportIt('web');
    await importIt(file, 'db');
    const made = getInstance(engine.deps, 'db');
    expect(made.slice.start).not.toBe(getInstance(engine.deps, 'web').slice.start);
    expect(listSnapshots(engine.deps, 'db').map(({ name }) => name)).toEqual(['s1', 's2']);
    expect(await engine.manifest('db')).toEqual(third);
    await restore('db', 's1');
    expect(await engine.manifest('db')).toEqual(first);
    await restore('db', 's2');
    expect(await engine.manifest('db')).toEqual(second);

    // What was alike is not stored again: all that is the machine's own takes less than its system.
    expect(made.layers.length).toBe(4);
    for (const { layers } of listSnapshots(engine.deps, 'db')) {
      const layer = layers[0] ?? '';
      const names = readdirSync(`${engine.ground.paths.layersDir}/${layer}`, { recursive: true });
      expect(names.length).toBeLessThan(40);
    }
    // Without the one it came from, and without its image's layer for other ids.
    await engine.remove('web');
    expect(await engine.manifest('db')).toEqual(second);
    rmSync(file);
  });

  it('is refused, and nothing of it stays, where it is beyond the size that a profile gives it', async () => {
    const root = (size?: string) => ({
      root: { type: 'disk', path: '/', pool: 'default', ...(size && { size }) },
    });
    const setSize = (size?: string): Promise<unknown> =>
      updateProfile(engine.deps, { name: 'sized', devices: root(size) });
    const profiles = ['default', 'sized'];
    createProfile(engine.deps, { name: 'sized', description: '', config: {}, devices: root() });
    await engine.create('web', { profiles });
    await snapshot('web', 's1');
    await engine.withRoot('web', (at) => {
      writeFileSync(`${at}/root/large`, Buffer.alloc(3 << 20, 'x'));
    });
    const file = await exportIt('web');
    await engine.remove('web');
    await setSize('1MiB');
    const before = engine.deps.store.layers.list().length;
    await expect(importIt(file, 'db')).rejects.toMatchObject({
      code: 'no_space',
      hint: expect.stringMatching(/^warren profile device set sized root size=/) as string,
      message: expect.stringMatching(
        /^Cannot import db: .* root disk of db: 3\S* ?MiB of its own, size is 1 ?MiB$/,
      ) as string,
    });
    expect(engine.deps.store.instances.find('db')).toBeUndefined();
    expect(engine.deps.store.layers.list()).toHaveLength(before);
    await setSize('4MiB');
    await importIt(file, 'db');
    rmSync(file);
    await engine.remove('db');
    deleteProfile(engine.deps, 'sized');

    // What stands in the backup can be changed once the machine is there, and not before.
    await engine.create('small', { devices: root('1MiB') });
    await engine.withRoot('small', (at) => {
      writeFileSync(`${at}/root/large`, Buffer.alloc(3 << 20, 'x'));
    });
    const own = await exportIt('small');
    await importIt(own, 'db');
    await expect(snapshot('db', 's1')).rejects.toMatchObject({ code: 'no_space' });
    const warned = expect.stringContaining('db keeps 3 MiB of its own') as unknown;
    expect(engine.problems.splice(0)).toEqual([warned]);
    rmSync(own);
  });

  it('runs on while it is packed, and what is imported of it starts', async () => {
    await engine.launch('web');
    await engine.shell('web', 'echo mine >/root/note');
    const input = { instance: 'web', name: 'b', expiresAtMs: undefined, instanceOnly: true };
    const { frozenMs } = await createBackup(
      engine.deps,
      { ...input, compression: { algorithm: 'none', level: undefined } },
      unattended,
    );
    expect(frozenMs).toBeGreaterThanOrEqual(0);
    expect((await engine.shell('web', 'echo alive')).output).toBe('alive\n');
    await importIt(backupFile(engine.deps, getInstance(engine.deps, 'web').id, 'b'), 'db');
    await engine.start('db');
    expect((await engine.shell('db', 'hostname; cat /root/note')).output).toBe('db\nmine\n');
  });
});

describe('when the daemon dies', () => {
  it.each(['storage.mountView', 'storage.mountView 2'])(
    'in an export at %s, nothing of it is left',
    async (effect) => {
      await engine.create('web');
      await snapshot('web', 's1');
      await engine.dieAt(effect, () => exportIt('web').then(() => undefined));
      expect(await engine.deps.storage.listMountedRoots()).toEqual([]);
    },
  );

  it.each(['storage.importTree', 'storage.importTree 2', 'storage.createUpper'])(
    'in an import at %s, nothing of it is left',
    async (effect) => {
      await engine.create('web');
      await snapshot('web', 's1');
      const file = await exportIt('web');
      await engine.dieAt(effect, () => importIt(file, 'db'));
      expect(listInstances(engine.deps).map(({ name }) => name)).toEqual(['web']);
      await importIt(file, 'db');
      rmSync(file);
    },
  );
});
