import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { LayerId, StorageService, StorageTier } from '../../../../src/storage/types.ts';
import { lacks } from '../../../helpers/needs.ts';
import { describeTree, makeGround, sliceA, sliceB, type Ground } from './ground.ts';

let ground: Ground;

beforeEach(() => {
  // fuse-overlayfs takes no colon in a path, however it is written.
  ground = makeGround(undefined, 'warren-tiers-');
});

afterEach(async () => {
  await ground.remove();
});

/** A tree with everything that a change of owners can break. */
async function makeImage(storage: StorageService): Promise<LayerId> {
  await using staged = await storage.stageLayer(sliceA);
  const script = `
import os, struct, sys
os.chdir(sys.argv[1]); start = int(sys.argv[2])
def own(path, uid, gid, mode=None):
    os.lchown(path, start + uid, start + gid)
    if mode is not None: os.chmod(path, mode)
def write(path, text): open(path, 'w').write(text)
os.umask(0)
os.makedirs('usr/bin'); os.makedirs('var/mail'); os.makedirs('home/u'); own('usr', 0, 0); own('usr/bin', 0, 0); own('var', 0, 0); own('home', 0, 0)
write('usr/bin/su', 'su' * 4000); own('usr/bin/su', 0, 0, 0o4755)
write('usr/bin/wall', 'wall'); own('usr/bin/wall', 0, 5, 0o2755)
os.link('usr/bin/su', 'usr/bin/su-again')
own('var/mail', 0, 8, 0o3775); own('home/u', 1000, 1000, 0o700)
write('usr/bin/ping', 'ping'); own('usr/bin/ping', 0, 0, 0o755)
os.setxattr('usr/bin/ping', 'security.capability', struct.pack('<IIIIII', 0x03000001, 1 << 13, 0, 0, 0, start))
write('home/u/shared', 'acl'); own('home/u/shared', 1000, 1000, 0o640)
acl = struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *e) for e in [(1, 6, 2**32-1), (2, 6, start + 33), (4, 4, 2**32-1), (8, 4, start + 44), (16, 6, 2**32-1), (32, 0, 2**32-1)])
os.setxattr('home/u/shared', 'system.posix_acl_access', acl)
os.setxattr('home/u', 'system.posix_acl_default', acl)
os.setxattr('home/u/shared', 'user.note', b'kept\\xff')
os.symlink('su', 'usr/bin/link'); own('usr/bin/link', 7, 7)
os.mkfifo('fifo'); own('fifo', 3, 3, 0o640); os.setxattr('fifo', 'system.posix_acl_access', acl)
write('home/u/empty', ''); own('home/u/empty', 65, 65, 0o600)
write(b'raw\\xff', 'raw'); own(b'raw\\xff', 19999, 19999, 0o644)
f = open('sparse', 'w'); f.truncate(1 << 32); f.close(); own('sparse', 0, 0, 0o600)
os.utime('usr/bin/su', ns=(1, 1234567890123456789)); os.utime('usr', ns=(1, 1))`;
  execFileSync('python3', ['-c', script, staged.path, String(sliceA.start)]);
  await staged.commit();
  return staged.id;
}

const tiers: readonly StorageTier[] = ['redirect', 'userxattr', 'fuse', 'copy'];

describe.each(tiers)('the %s tier', (tier) => {
  const usable = tier === 'fuse' ? lacks('fuse') === undefined : true;

  it.runIf(usable)('runs machines on a shared layer and keeps what they write', async () => {
    const storage = await ground.storage(tier);
    expect(storage.tier).toBe(tier);
    const image = await makeImage(storage);
    const before = describeTree(`${ground.paths.layersDir}/${image}`, sliceA.start);
    for (const id of [1, 2]) await storage.createUpper(id, sliceA);
    const root = await storage.mountRoot(1, [image]);
    const other = await storage.mountRoot(2, [image]);
    expect(await storage.mountRoot(1, [image])).toBe(root);
    expect(statSync(`${root}/usr/bin/su`)).toMatchObject({ mode: 0o104755, uid: sliceA.start });
    writeFileSync(`${root}/home/u/mine`, 'mine');
    rmSync(`${root}/var`, { recursive: true });
    mkdirSync(`${root}/var`);
    expect(readdirSync(`${root}/var`)).toEqual([]);
    expect(existsSync(`${other}/home/u/mine`)).toBe(false);
    expect(readdirSync(`${other}/var`)).toEqual(['mail']);
    expect((await storage.listMountedRoots()).sort()).toEqual([1, 2]);
    await storage.unmountRoot(1);
    await storage.unmountRoot(2);
    expect(await storage.listMountedRoots()).toEqual([]);
    expect(describeTree(`${ground.paths.layersDir}/${image}`, sliceA.start)).toEqual(before);
    await storage.mountRoot(1, [image]);
    expect(readFileSync(`${root}/home/u/mine`, 'utf8')).toBe('mine');
    expect(readdirSync(`${root}/var`)).toEqual([]);
  });

  it.runIf(usable)('runs machines that were made without an image', async () => {
    const storage = await ground.storage(tier);
    await storage.createUpper(1, sliceA);
    const root = await storage.mountRoot(1, []);
    writeFileSync(`${root}/old`, 'old');
    writeFileSync(`${root}/kept`, 'kept');
    const copied = await storage.copyUpper(1, {});
    rmSync(`${root}/old`);
    await storage.unmountRoot(1);
    await storage.mountRoot(1, []);
    expect(readdirSync(root)).toEqual(['kept']);
    await storage.createUpper(2, sliceA);
    const other = await storage.mountRoot(2, [copied]);
    expect(readdirSync(other).sort()).toEqual(['kept', 'old']);
    writeFileSync(`${other}/mine`, 'mine');
    await storage.unmountRoot(1);
    const frozen = await storage.freezeUpper(1, sliceA);
    await storage.mountRoot(1, [frozen]);
    expect(readdirSync(root)).toEqual(['kept']);
    await storage.unmountRoot(1);
    await storage.unmountRoot(2);
    await using view = await storage.mountView([], 2);
    expect(readdirSync(view.path)).toContain('mine');
  });

  it.runIf(usable)('makes snapshots that other machines start from', async () => {
    const storage = await ground.storage(tier);
    const image = await makeImage(storage);
    await storage.createUpper(1, sliceA);
    const root = await storage.mountRoot(1, [image]);
    rmSync(`${root}/var`, { recursive: true });
    mkdirSync(`${root}/var`);
    writeFileSync(`${root}/var/new`, 'new');
    const copied = await storage.copyUpper(1, {});
    writeFileSync(`${root}/var/later`, 'later');
    await storage.unmountRoot(1);
    const frozen = await storage.freezeUpper(1, sliceA);
    await storage.mountRoot(1, [frozen, image]);
    expect(readdirSync(`${root}/var`).sort()).toEqual(['later', 'new']);
    await storage.createUpper(2, sliceA);
    const other = await storage.mountRoot(2, [copied, image]);
    expect(readdirSync(`${other}/var`)).toEqual(['new']);
    expect(statSync(`${other}/usr/bin/su`).mode).toBe(0o104755);
    writeFileSync(`${other}/var/other`, '');
    expect(readdirSync(`${root}/var`).sort()).toEqual(['later', 'new']);
    await storage.unmountRoot(1);
    await storage.unmountRoot(2);
    await storage.removeUpper(1);
    await storage.removeUpper(2);
    for (const layer of await storage.listLayers()) await storage.removeLayer(layer);
    expect(readdirSync(ground.paths.layersDir)).toEqual([]);
    expect(readdirSync(ground.paths.instancesDir)).toEqual([]);
  });

  it.runIf(usable)('gives a layer to other ids without losing anything', async () => {
    const storage = await ground.storage(tier);
    const image = await makeImage(storage);
    const shifted = await storage.shiftLayer(image, sliceA, sliceB, {});
    await storage.createUpper(1, sliceA);
    await storage.createUpper(2, sliceB);
    const original = await storage.mountRoot(1, [image]);
    const copy = await storage.mountRoot(2, [shifted]);
    const { layersDir } = ground.paths;
    if (tier !== 'redirect') {
      expect(describeTree(`${layersDir}/${shifted}`, sliceB.start)).toEqual(
        describeTree(`${layersDir}/${image}`, sliceA.start),
      );
    }
    // Through the mounts too, but for the time of the root, which is that of each upper.
    const tree = describeTree(copy, sliceB.start).slice(1);
    expect(tree).toEqual(describeTree(original, sliceA.start).slice(1));
    expect(tree.filter((line) => line.includes('U0:'))).toEqual([]);
    expect(tree.join('\n')).toContain('root 0');
    expect(tree.join('\n')).toContain('2:6:33');
  });
});

describe('contents shared between slices', () => {
  const contents = (): string[] =>
    readdirSync(ground.paths.layersDir).filter((name) => name.endsWith('.data'));

  it('are copied once, outlive the original, and go with the last layer that needs them', async () => {
    const storage = await ground.storage('redirect');
    const image = await makeImage(storage);
    const sliceC = { start: 40_001, size: 20_000 };
    const [second, third] = await Promise.all([
      storage.shiftLayer(image, sliceA, sliceB, {}),
      storage.shiftLayer(image, sliceA, sliceC, {}),
    ]);
    expect(contents()).toEqual([`${image}.data`]);
    expect((await storage.listLayers()).sort()).toEqual([image, second, third].sort());
    await storage.removeLayer(image);
    await storage.sweepStaging();
    await storage.removeLayer(third);
    const moved = await storage.shiftLayer(second, sliceB, sliceC, {});
    await storage.removeLayer(second);
    await storage.createUpper(1, sliceC);
    const root = await storage.mountRoot(1, [moved]);
    expect(readFileSync(`${root}/usr/bin/ping`, 'utf8')).toBe('ping');
    expect(statSync(`${root}/usr/bin/su`)).toMatchObject({ uid: 40_001, mode: 0o104755 });
    await storage.unmountRoot(1);
    await storage.removeLayer(moved);
    expect(readdirSync(ground.paths.layersDir)).toEqual([]);
  });

  it('show through snapshots, whose own files are copied', async () => {
    const storage = await ground.storage('redirect');
    const image = await makeImage(storage);
    await storage.createUpper(1, sliceA);
    const root = await storage.mountRoot(1, [image]);
    writeFileSync(`${root}/usr/bin/ping`, 'changed');
    rmSync(`${root}/home`, { recursive: true });
    mkdirSync(`${root}/home`);
    rmSync(`${root}/raw`, { force: true });
    rmSync(`${root}/fifo`);
    await storage.unmountRoot(1);
    const snapshot = await storage.freezeUpper(1, sliceA);
    await storage.mountRoot(1, [snapshot, image]);
    const chain = [
      await storage.shiftLayer(snapshot, sliceA, sliceB, {}),
      await storage.shiftLayer(image, sliceA, sliceB, {}),
    ];
    await storage.createUpper(2, sliceB);
    const other = await storage.mountRoot(2, chain);
    // What the test itself wrote through the mount belongs to U0's root, in both.
    expect(describeTree(other, sliceB.start).slice(1)).toEqual(
      describeTree(root, sliceA.start).slice(1),
    );
    expect(contents()).toEqual([`${image}.data`]);
    expect(readFileSync(`${other}/usr/bin/ping`, 'utf8')).toBe('changed');
    expect(readFileSync(`${other}/usr/bin/wall`, 'utf8')).toBe('wall');
    expect(readdirSync(`${other}/home`)).toEqual([]);
    expect(existsSync(`${other}/fifo`)).toBe(false);
  });

  it('have files with as many names as the file system allows', async () => {
    const storage = await ground.storage('redirect');
    await using staged = await storage.stageLayer(sliceA);
    const script = `
import errno, os, sys
os.chdir(sys.argv[1]); start = int(sys.argv[2])
open('first', 'w').write('content'); os.chown('first', start, start)
names = 1
try:
    while names < 65_000: os.link('first', f'name-{names}'); names += 1
except OSError as error:
    if error.errno != errno.EMLINK: raise
print(names)`;
    const args = ['-c', script, staged.path, String(sliceA.start)];
    const names = Number(execFileSync('python3', args, { encoding: 'utf8' }));
    await staged.commit();
    const shifted = await storage.shiftLayer(staged.id, sliceA, sliceB, {});
    const root = `${ground.paths.layersDir}/${shifted}`;
    expect(readdirSync(root)).toHaveLength(names);
    expect(statSync(`${root}/first`)).toMatchObject({ nlink: names, uid: sliceB.start });
    expect(readdirSync(ground.paths.layersDir).filter((name) => name.endsWith('.part'))).toEqual(
      [],
    );
  });

  it('leave nothing behind when the copy is cancelled', async () => {
    const storage = await ground.storage('redirect');
    const image = await makeImage(storage);
    const signal = AbortSignal.abort();
    await expect(storage.shiftLayer(image, sliceA, sliceB, { signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(readdirSync(ground.paths.layersDir)).toEqual([image]);
  });
});

describe('a change of tier', () => {
  it('leaves machines of the copy tier whole when overlays work again', async () => {
    const before = await ground.storage('copy');
    const image = await makeImage(before);
    await before.createUpper(1, sliceA);
    const root = await before.mountRoot(1, [image]);
    rmSync(`${root}/home`, { recursive: true });
    await before.unmountRoot(1);
    const frozen = await before.freezeUpper(1, sliceA);
    const after = await ground.storage('userxattr');
    await after.mountRoot(1, [frozen, image]);
    expect(existsSync(`${root}/home`)).toBe(false);
    expect(existsSync(`${root}/usr`)).toBe(true);
    writeFileSync(`${root}/new`, '');
    await after.unmountRoot(1);
    const changes = await after.freezeUpper(1, sliceA);
    // The new upper on top of the whole tree was an overlay's: it needs one from now on.
    const again = await ground.storage('copy');
    await expect(again.mountRoot(1, [changes, frozen, image])).rejects.toMatchObject({
      code: 'host_lacks',
    });
  });

  it('never drops what an overlay wrote when overlays no longer work', async () => {
    const before = await ground.storage('userxattr');
    const image = await makeImage(before);
    await before.createUpper(1, sliceA);
    const root = await before.mountRoot(1, [image]);
    writeFileSync(`${root}/mine`, 'mine');
    await before.unmountRoot(1);
    const after = await ground.storage('copy');
    await expect(after.mountRoot(1, [image])).rejects.toMatchObject({ code: 'host_lacks' });
    expect(await after.listMountedRoots()).toEqual([]);
    await before.mountRoot(1, [image]);
    expect(readFileSync(`${root}/mine`, 'utf8')).toBe('mine');
  });

  it('finishes a copy that a dead daemon had only announced', async () => {
    const storage = await ground.storage('copy');
    const image = await makeImage(storage);
    await storage.createUpper(1, sliceA);
    const home = `${ground.paths.instancesDir}/1`;
    mkdirSync(`${home}/upper.part/half`, { recursive: true });
    writeFileSync(`${home}/upper.json`, '{"kind":"full"}');
    await storage.sweepStaging();
    expect(readdirSync(home).sort()).toEqual(['upper', 'upper.json', 'work']);
    const root = await storage.mountRoot(1, [image]);
    expect(existsSync(`${root}/usr/bin/su`)).toBe(true);
    expect(existsSync(`${root}/half`)).toBe(false);
  });
});
