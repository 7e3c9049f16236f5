import { chownSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { getInstance } from '../../../../src/engine/instances/list.ts';
import { updateInstance } from '../../../../src/engine/instances/update.ts';
import { unattended } from '../../../../src/engine/types.ts';
import { copyVolume } from '../../../../src/engine/volumes/copy.ts';
import { createVolume } from '../../../../src/engine/volumes/create.ts';
import { deleteVolume } from '../../../../src/engine/volumes/delete.ts';
import { getVolume } from '../../../../src/engine/volumes/list.ts';
import { createVolumeSnapshot, restoreVolume } from '../../../../src/engine/volumes/snapshots.ts';
import { findXattr, setXattr } from '../../../../src/sys/kernel/fs.ts';
import { until } from './ground.ts';
import { useEngine } from './test-engine.ts';

const engine = useEngine(async ({ deps, ground }) => {
  for (const { name, parentId } of deps.store.volumes.list()) {
    if (parentId === undefined) await deleteVolume(deps, name);
  }
  expect(readdirSync(ground.paths.volumesDir)).toEqual([]);
});

const make = (name: string): Promise<unknown> =>
  createVolume(engine.deps, { name, description: '', config: {} });
const copy = (name: string, source: string): Promise<unknown> =>
  copyVolume(
    engine.deps,
    {
      ...{ name, source, snapshot: undefined, volumeOnly: false },
      ...{ description: undefined, config: undefined },
    },
    unattended,
  );
const snapshot = (volume: string, name: string): Promise<unknown> =>
  createVolumeSnapshot(
    engine.deps,
    { volume, name, description: '', expiresAtMs: undefined },
    unattended,
  );
const disk = (source: string) => ({ data: { type: 'disk', pool: 'default', source, path: '/v' } });
const isolated = {
  config: { 'security.idmap.isolated': 'true', 'security.idmap.size': '20000' },
};
const read = async (machine: string, file: string): Promise<string> =>
  (await engine.shell(machine, `cat ${file}`)).output;
const directory = (name: string): string =>
  engine.deps.storage.volumes.path(getVolume(engine.deps, name).tree);

/** A volume whose files are of one isolated machine, which is stopped; another that wants them. */
async function handOver(): Promise<void> {
  await make('data');
  await engine.launch('one', { ...isolated, devices: disk('data') });
  await engine.shell('one', 'cd /v; echo mine >f; chmod 6755 f; chown 7:8 f; chmod 6755 f; ln f g');
  await engine.create('two', { ...isolated, devices: disk('data') });
}

const described = '7:8 6755 2\n7:8 6755 2\n0:0 711 2\n';
const description = `stat -c '%u:%g %a %h' /v/f /v/g /v`;

describe('a volume of machines with ids of their own', () => {
  it('is refused to another while one has it, and then its files are the other’s', async () => {
    await handOver();
    await expect(engine.start('two')).rejects.toThrow(
      'Cannot attach the storage volume data: it is in use by one, whose ids are not those of two',
    );
    // What is taken away from a machine that runs may still be open there.
    await updateInstance(engine.deps, { name: 'one', devices: {} }, unattended);
    await expect(engine.start('two')).rejects.toThrow('in use by one');
    await engine.stop('one');
    await engine.start('two');
    expect((await engine.shell('two', description)).output).toBe(described);
    const { slice } = getInstance(engine.deps, 'two');
    expect(statSync(`${directory('data')}/f`).uid).toBe(slice.start + 7);
    await updateInstance(engine.deps, { name: 'one', devices: disk('data') }, unattended);
    await expect(engine.start('one')).rejects.toThrow('in use by two');
  });

  it.each([
    ['before any file', () => undefined],
    [
      'with some of the files',
      () => {
        const { start: first } = getInstance(engine.deps, 'two').slice;
        chownSync(directory('data'), first, first);
      },
    ],
  ])('gets all its files over when the daemon dies %s', async (_when, before) => {
    await handOver();
    await engine.stop('one');
    await engine.dieAt('volumes.shift', () => engine.start('two'), before);
    expect(getVolume(engine.deps, 'data').nextOwner).toBeDefined();
    // Another one than was meant: what was begun is finished before.
    await engine.start('one');
    expect((await engine.shell('one', description)).output).toBe(described);
  });
});

const aclName = 'system.posix_acl_access';

/**
 * Of a file with mode 0644 that one more user may read: struct posix_acl_xattr_header and its
 * entries.
 */
function aclFor(id: number): Buffer {
  const none = 2 ** 32 - 1;
  const entries = [
    { tag: 0x01, permissions: 6, id: none },
    { tag: 0x02, permissions: 4, id },
    { tag: 0x04, permissions: 4, id: none },
    { tag: 0x10, permissions: 4, id: none },
    { tag: 0x20, permissions: 4, id: none },
  ];
  const acl = Buffer.alloc(4 + entries.length * 8);
  acl.writeUInt32LE(2, 0);
  for (const [index, entry] of entries.entries()) {
    const at = 4 + index * 8;
    acl.writeUInt16LE(entry.tag, at);
    acl.writeUInt16LE(entry.permissions, at + 2);
    acl.writeUInt32LE(entry.id, at + 4);
  }
  return acl;
}

describe('a volume of a machine whose ids change their layout', () => {
  const resize = async (size: string): Promise<void> => {
    const config = { 'security.idmap.size': size };
    await updateInstance(engine.deps, { name: 'one', config, mode: 'merge' }, unattended);
  };
  const seen = async (): Promise<string> =>
    (await engine.shell('one', `stat -c '%u:%g %a %h' /v/f /v/g /v/n`)).output;
  const wanted = '7:8 6755 2\n7:8 6755 2\n65534:61184 644 1\n';

  /** In the compact layout, with an ACL that names guest 1000. */
  async function layOut(): Promise<void> {
    await make('data');
    const config = { 'security.idmap.size': 'compact' };
    await engine.launch('one', { config, devices: disk('data') });
    const give = 'chown 7:8 f; chmod 6755 f; ln f g; echo >n; chown 65534:61184 n';
    await engine.shell('one', `cd /v; echo mine >f; ${give}`);
    expect(await seen()).toBe(wanted);
  }

  it('keeps the owners of its files, though the ranges have ids in common', async () => {
    await layOut();
    for (const size of ['65536', 'compact']) {
      await engine.stop('one');
      await resize(size);
      await engine.start('one');
      expect(await seen()).toBe(wanted);
      expect(await engine.deps.storage.volumes.list()).toHaveLength(1);
    }
  });

  it('keeps the ids of its ACLs as well', async () => {
    await layOut();
    const { start: first } = getInstance(engine.deps, 'one').slice;
    const path = `${directory('data')}/n`;
    setXattr(path, aclName, aclFor(first + 1000));
    await engine.stop('one');
    const config = { 'security.idmap.base': '20001' };
    await updateInstance(engine.deps, { name: 'one', config, mode: 'merge' }, unattended);
    await engine.start('one');
    expect(findXattr(path, aclName)).toEqual(aclFor(20_001 + 1000));
  });

  it('is what it was when the daemon dies meanwhile', async () => {
    await layOut();
    await engine.stop('one');
    await resize('65536');
    await engine.dieAt('volumes.shiftNew', () => engine.start('one'));
    expect(await engine.deps.storage.volumes.list()).toHaveLength(1);
    await engine.start('one');
    expect(await seen()).toBe(wanted);
  });

  it('is refused, unchanged, for an id that the other layout has not', async () => {
    await layOut();
    await engine.stop('one');
    await resize('65536');
    await engine.start('one');
    await engine.shell('one', 'chown 3000 /v/n');
    await engine.stop('one');
    await resize('compact');
    await expect(engine.start('one')).rejects.toThrow('one of them belongs to id 3000');
    await resize('65536');
    await engine.start('one');
    expect(await seen()).toBe(wanted.replace('65534:61184', '3000:61184'));
  });
});

describe('a copy beside a machine that writes', () => {
  it('shows one moment, and the machine goes on', async () => {
    await make('data');
    await engine.launch('web', { devices: disk('data') });
    const lines = 'i=0; while :; do i=$((i+1)); for f in a m z; do echo $i >/v/$f; done; done';
    await engine.shell('web', 'dd if=/dev/urandom of=/v/big bs=1M count=64 2>/dev/null');
    await engine.shell('web', `(${lines}) >/dev/null 2>&1 </dev/null &`);
    await until('it writes', async () => Number(await read('web', '/v/z')) > 100);
    await snapshot('data', 'moment');
    const [kept] = engine.deps.store.volumes.snapshots(getVolume(engine.deps, 'data').id);
    const path = engine.deps.storage.volumes.path(kept?.tree ?? '');
    const count = (file: string): number => Number(readFileSync(`${path}/${file}`, 'utf8'));
    // The one that was being written when it stopped may be empty.
    const counts = ['a', 'm', 'z'].map(count).filter((value) => value > 0);
    expect(counts.length).toBeGreaterThanOrEqual(2);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    await until('it goes on', async () => Number(await read('web', '/v/z')) > count('a') + 1);
  });
});

describe('when the daemon dies', () => {
  it.each(['volumes.create', 'volumes.copy', 'volumes.copy 2'])(
    'before %s, nothing of what was being made is left',
    async (effect) => {
      await make('data');
      await snapshot('data', 'old');
      const before = readdirSync(engine.ground.paths.volumesDir).sort();
      await engine.dieAt(effect, () =>
        effect === 'volumes.create' ? make('new') : copy('new', 'data'),
      );
      expect(readdirSync(engine.ground.paths.volumesDir).sort()).toEqual(before);
      expect(engine.deps.store.volumes.find('new')).toBeUndefined();
      await copy('new', 'data');
    },
  );

  it('between row and directory, a deleted volume goes', async () => {
    await make('data');
    await snapshot('data', 'old');
    await engine.dieAt('volumes.remove', () => deleteVolume(engine.deps, 'data'));
    expect(engine.deps.store.volumes.list()).toEqual([]);
    expect(readdirSync(engine.ground.paths.volumesDir)).toEqual([]);
  });

  it('in a restore, the volume is as before or as it was', async () => {
    await make('data');
    writeFileSync(`${directory('data')}/f`, 'old');
    await snapshot('data', 'old');
    writeFileSync(`${directory('data')}/f`, 'new');
    const restore = (): Promise<void> => restoreVolume(engine.deps, 'data', 'old', unattended);
    await engine.dieAt('volumes.copy', restore);
    expect(readFileSync(`${directory('data')}/f`, 'utf8')).toBe('new');
    await engine.dieAt('volumes.remove', restore);
    expect(readFileSync(`${directory('data')}/f`, 'utf8')).toBe('old');
    expect(readdirSync(engine.ground.paths.volumesDir)).toHaveLength(2);
  });
});
