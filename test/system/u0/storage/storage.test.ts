import { execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { LayerId, StorageService } from '../../../../src/storage/types.ts';
import { eventually } from '../../../helpers/warren.ts';
import { isMountPoint, makeGround, sliceA, type Ground } from './ground.ts';

let ground: Ground;
let storage: StorageService;

beforeEach(async () => {
  ground = makeGround();
  storage = await ground.storage();
});

afterEach(async () => {
  await ground.remove();
});

async function makeLayer(files: Record<string, string>): Promise<LayerId> {
  await using staged = await storage.stageLayer(sliceA);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(`${staged.path}/${name}`), { recursive: true });
    writeFileSync(`${staged.path}/${name}`, content);
  }
  execFileSync('chown', ['-R', `${sliceA.start}:${sliceA.start}`, staged.path]);
  await staged.commit();
  return staged.id;
}

const leftovers = (): string[] => [
  ...readdirSync(ground.paths.layersDir),
  ...readdirSync(ground.paths.instancesDir),
];

const undone = (...mended: number[]): object => ({ mended, left: [] });

describe('mounts', () => {
  it('prepares a directory that slices can pass, once', async () => {
    const { mountDir, layersDir } = ground.paths;
    writeFileSync(`${mountDir}/witness`, '');
    await ground.storage();
    expect(existsSync(`${mountDir}/witness`)).toBe(true);
    expect(statSync(mountDir).mode & 0o777).toBe(0o755);
    expect(statSync(`${mountDir}/roots`).mode & 0o777).toBe(0o711);
    expect(statSync(layersDir).mode & 0o777).toBe(0o700);
    expect(readdirSync(mountDir)).not.toContain('probe');
    expect(leftovers()).toEqual([]);
  });
});

describe('layers', () => {
  it('appear when committed and not before', async () => {
    {
      await using staged = await storage.stageLayer();
      expect(statSync(staged.path)).toMatchObject({ uid: 0, mode: 0o40700 });
      expect(await storage.listLayers()).toEqual([]);
      writeFileSync(`${staged.path}/x`, 'x');
    }
    expect(leftovers()).toEqual([]);
    const layer = await makeLayer({ 'etc/x': 'x' });
    expect(await storage.listLayers()).toEqual([layer]);
    expect(await storage.layerSize(layer)).toBeGreaterThanOrEqual(4096);
    await storage.removeLayer(layer);
    await storage.removeLayer(layer);
    expect(leftovers()).toEqual([]);
  });

  it('are swept when a daemon died while staging or removing', async () => {
    const layer = await makeLayer({ a: 'a' });
    const { layersDir } = ground.paths;
    const staged = await storage.stageLayer();
    mkdirSync(`${staged.path}/half`);
    mkdirSync(`${layersDir}/abc.gone/sub`, { recursive: true });
    writeFileSync(`${layersDir}/orphan.json`, '{"kind":"full"}');
    await storage.sweepStaging();
    expect(readdirSync(layersDir)).toEqual([layer]);
  });

  it('refuse ids that are none', async () => {
    await expect(storage.removeLayer('../x')).rejects.toThrow('no layer id');
    await expect(storage.removeLayer('')).rejects.toThrow('no layer id');
  });
});

describe('roots', () => {
  it('show the layers, keep what is written, and come and go', async () => {
    const base = await makeLayer({ 'etc/base': 'base', 'dir/inner': '1' });
    const top = await makeLayer({ 'etc/top': 'top' });
    await storage.createUpper(7, sliceA);
    await storage.createUpper(7, sliceA);
    const root = await storage.mountRoot(7, [top, base]);
    expect(root).toBe(storage.rootPath(7));
    expect(await storage.mountRoot(7, [top, base])).toBe(root);
    expect(statSync(root)).toMatchObject({ uid: sliceA.start, gid: sliceA.start, mode: 0o40755 });
    expect(readFileSync(`${root}/etc/base`, 'utf8')).toBe('base');
    expect(readFileSync(`${root}/etc/top`, 'utf8')).toBe('top');
    rmSync(`${root}/dir`, { recursive: true });
    writeFileSync(`${root}/new`, 'kept');
    expect(await storage.listMountedRoots()).toEqual([7]);
    await storage.unmountRoot(7);
    await storage.unmountRoot(7);
    expect(await storage.listMountedRoots()).toEqual([]);
    expect(existsSync(root)).toBe(false);
    await storage.mountRoot(7, [top, base]);
    expect(readdirSync(root).sort()).toEqual(['etc', 'new']);
    expect(await storage.upperSizes([7, 8])).toEqual(new Map([[7, expect.any(Number)]]));
    await storage.unmountRoot(7);
    await storage.removeUpper(7);
    expect(readdirSync(ground.paths.instancesDir)).toEqual([]);
  });

  it('take 150 layers, with the newest on top', async () => {
    const layers: LayerId[] = [];
    for (let index = 0; index < 150; index++) {
      // Made by hand: a commit syncs the disk, and that is not what this test is about.
      const layer = `layer${String(index).padStart(7, '0')}`;
      const directory = `${ground.paths.layersDir}/${layer}`;
      mkdirSync(directory);
      writeFileSync(`${directory}/newest`, String(index));
      writeFileSync(`${directory}/n${index}`, '');
      layers.unshift(layer);
    }
    expect(storage.maxLayers).toBeGreaterThanOrEqual(150);
    await storage.createUpper(1, sliceA);
    const root = await storage.mountRoot(1, layers);
    expect(readFileSync(`${root}/newest`, 'utf8')).toBe('149');
    expect(readdirSync(root)).toHaveLength(151);
    writeFileSync(`${root}/newest`, 'mine');
    await storage.unmountRoot(1);
    expect(readFileSync(`${ground.paths.instancesDir}/1/upper/newest`, 'utf8')).toBe('mine');
  });

  it('refuse a chain that mount(2) would cut', async () => {
    const layer = await makeLayer({ a: 'a' });
    await storage.createUpper(1, sliceA);
    const chain = Array.from({ length: 600 }, () => layer);
    await expect(storage.mountRoot(1, chain)).rejects.toMatchObject({ code: 'unsupported' });
    expect(await isMountPoint(`${ground.paths.mountDir}/roots`)).toBe(false);
    expect(await storage.listMountedRoots()).toEqual([]);
  });

  it('are emptied at once, and what was in them is removed after that', async () => {
    await storage.createUpper(3, sliceA);
    const { instancesDir, layersDir } = ground.paths;
    const many = `${instancesDir}/3/upper/many`;
    mkdirSync(many);
    for (let index = 0; index < 5000; index++) writeFileSync(`${many}/${index}`, '');
    await storage.emptyUpper(3, sliceA);
    expect(readdirSync(`${instancesDir}/3/upper`)).toEqual([]);
    expect(await storage.listLayers()).toEqual([]);
    await eventually(() => {
      expect(readdirSync(layersDir)).toEqual([]);
    });
    expect(ground.logged).toEqual([]);
  });

  it('wait for what still holds them, and detach in the end', async () => {
    const layer = await makeLayer({ a: 'a' });
    await storage.createUpper(1, sliceA);
    const root = await storage.mountRoot(1, [layer]);
    const brief = spawn('sleep', ['0.4'], { cwd: root });
    const began = Date.now();
    await storage.unmountRoot(1);
    expect(Date.now() - began).toBeGreaterThan(200);
    expect(Date.now() - began).toBeLessThan(3000);
    expect(ground.logged).toEqual([]);
    brief.kill();
    await storage.mountRoot(1, [layer]);
    const stubborn = spawn('sleep', ['60'], { cwd: root });
    try {
      await storage.unmountRoot(1);
      expect(ground.logged).toContain('a root stayed busy and was detached');
      await expect(storage.mountRoot(1, [layer])).rejects.toMatchObject({ code: 'busy' });
      await expect(storage.freezeUpper(1, sliceA)).rejects.toMatchObject({ code: 'busy' });
    } finally {
      stubborn.kill('SIGKILL');
    }
    await new Promise((resolve) => stubborn.once('exit', resolve));
    await expect.poll(() => storage.mountRoot(1, [layer]).catch(() => '')).toBe(root);
  });

  it('wait for other mount namespaces too', async () => {
    const layer = await makeLayer({ a: 'a' });
    await storage.createUpper(1, sliceA);
    await storage.mountRoot(1, [layer]);
    const other = spawn('unshare', ['--mount', '--propagation', 'private', 'sleep', '0.7']);
    await expect.poll(() => readFileSync(`/proc/${other.pid ?? 0}/comm`, 'utf8')).toBe('sleep\n');
    const began = Date.now();
    await storage.unmountRoot(1);
    expect(Date.now() - began).toBeGreaterThan(300);
    expect(ground.logged).toEqual([]);
  });
});

describe('snapshots', () => {
  it('freeze an upper into a layer that carries removals along', async () => {
    const base = await makeLayer({ 'etc/base': 'base', gone: 'gone' });
    await storage.createUpper(3, sliceA);
    const root = await storage.mountRoot(3, [base]);
    writeFileSync(`${root}/etc/base`, 'changed');
    rmSync(`${root}/gone`);
    await storage.unmountRoot(3);
    const frozen = await storage.freezeUpper(3, sliceA);
    expect(readdirSync(`${ground.paths.instancesDir}/3/upper`)).toEqual([]);
    expect((await storage.listLayers()).sort()).toEqual([base, frozen].sort());
    await storage.mountRoot(3, [frozen, base]);
    expect(readFileSync(`${root}/etc/base`, 'utf8')).toBe('changed');
    expect(existsSync(`${root}/gone`)).toBe(false);
    writeFileSync(`${root}/etc/base`, 'again');
    // Another machine on the snapshot does not see the first one's later changes.
    await storage.createUpper(4, sliceA);
    const second = await storage.mountRoot(4, [frozen, base]);
    expect(readFileSync(`${second}/etc/base`, 'utf8')).toBe('changed');
  });

  it('copy the upper of a running machine, and say when it is no longer read', async () => {
    const base = await makeLayer({ gone: 'gone', 'dir/a': 'a' });
    await storage.createUpper(3, sliceA);
    const root = await storage.mountRoot(3, [base]);
    rmSync(`${root}/gone`);
    rmSync(`${root}/dir`, { recursive: true });
    mkdirSync(`${root}/dir`);
    writeFileSync(`${root}/dir/b`, 'b');
    let thawed = false;
    const copy = await storage.copyUpper(3, {
      copied: () => {
        thawed = true;
        return Promise.resolve();
      },
    });
    expect(thawed).toBe(true);
    writeFileSync(`${root}/dir/b`, 'later');
    await storage.createUpper(4, sliceA);
    const other = await storage.mountRoot(4, [copy, base]);
    expect(readdirSync(other)).toEqual(['dir']);
    expect(readdirSync(`${other}/dir`)).toEqual(['b']);
    expect(readFileSync(`${other}/dir/b`, 'utf8')).toBe('b');
    expect(statSync(other).uid).toBe(sliceA.start);
  });

  it('leave nothing behind when the copy is cancelled', async () => {
    await storage.createUpper(3, sliceA);
    const stop = AbortSignal.abort();
    await expect(storage.copyUpper(3, { signal: stop })).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(await storage.listLayers()).toEqual([]);
    expect(readdirSync(ground.paths.layersDir)).toEqual([]);
  });

  it('are undone when the daemon died before it recorded them', async () => {
    const base = await makeLayer({ a: 'a' });
    await storage.createUpper(3, sliceA);
    const upper = `${ground.paths.instancesDir}/3/upper`;
    writeFileSync(`${upper}/mine`, 'mine');
    const frozen = await storage.freezeUpper(3, sliceA);
    const next = await ground.storage();
    expect(await next.undoUnrecordedFreezes(new Set([base]))).toEqual(undone(3));
    expect(readFileSync(`${upper}/mine`, 'utf8')).toBe('mine');
    expect(await next.listLayers()).toEqual([base]);

    // Death between the rename and the new upper.
    const again = await storage.freezeUpper(3, sliceA);
    execFileSync('rmdir', [upper]);
    expect(await next.undoUnrecordedFreezes(new Set([base]))).toEqual(undone(3));
    expect(readFileSync(`${upper}/mine`, 'utf8')).toBe('mine');

    // Death before the rename.
    symlinkSync('zzz', `${ground.paths.instancesDir}/3/freezing`);
    expect(await next.undoUnrecordedFreezes(new Set([base]))).toEqual(undone());
    expect(readFileSync(`${upper}/mine`, 'utf8')).toBe('mine');
    expect([frozen, again].every((id) => !existsSync(`${ground.paths.layersDir}/${id}`))).toBe(
      true,
    );

    // Its new upper is in use: nothing is put back, and nothing is lost.
    const lost = await storage.freezeUpper(3, sliceA);
    writeFileSync(`${upper}/other`, '');
    expect(await next.undoUnrecordedFreezes(new Set([base]))).toEqual({ mended: [], left: [lost] });
    await expect(next.mountRoot(3, [base])).rejects.toMatchObject({ code: 'unsupported' });
    await expect(next.freezeUpper(3, sliceA)).rejects.toMatchObject({ code: 'unsupported' });
    rmSync(`${upper}/other`);
    expect(await next.undoUnrecordedFreezes(new Set([base]))).toEqual(undone(3));
    expect(readFileSync(`${upper}/mine`, 'utf8')).toBe('mine');

    // Recorded: it stays a layer.
    const kept = await storage.freezeUpper(3, sliceA);
    expect(await next.undoUnrecordedFreezes(new Set([base, kept]))).toEqual(undone());
    expect((await next.listLayers()).sort()).toEqual([base, kept].sort());
  });

  it('are past undoing once the machine was mounted on them', async () => {
    const base = await makeLayer({ a: 'a' });
    await storage.createUpper(3, sliceA);
    const frozen = await storage.freezeUpper(3, sliceA);
    await storage.mountRoot(3, [frozen, base]);
    await storage.unmountRoot(3);
    expect(await storage.undoUnrecordedFreezes(new Set([base]))).toEqual(undone());
  });
});

describe('a machine', () => {
  it('of hostile content is measured and removed', async () => {
    await storage.createUpper(9, sliceA);
    const upper = `${ground.paths.instancesDir}/9/upper`;
    const script = `
import os, sys
os.chdir(sys.argv[1])
open(b'raw\\xff\\n', 'w'); f = open('sparse', 'w'); f.truncate(1 << 40); os.mkfifo('fifo')
for i in range(60):
    os.mkdir('d' * 200); os.chdir('d' * 200)
open('leaf', 'w')`;
    execFileSync('python3', ['-c', script, upper]);
    const size = (await storage.upperSizes([9])).get(9) ?? 0;
    expect(size).toBeGreaterThan(60 * 4096);
    expect(size).toBeLessThan(10 << 20);
    expect(await storage.listUppers()).toEqual([9]);
    await expect(storage.copyUpper(9, {})).rejects.toMatchObject({ code: 'hostile' });
    expect(readdirSync(ground.paths.layersDir)).toEqual([]);
    const frozen = await storage.freezeUpper(9, sliceA);
    expect(await storage.layerSize(frozen)).toBe(size);
    await storage.removeLayer(frozen);
    expect(readdirSync(ground.paths.layersDir)).toEqual([]);
    await storage.createUpper(9, sliceA);
    execFileSync('python3', ['-c', script, upper]);
    await storage.removeUpper(9);
    expect(await storage.listUppers()).toEqual([]);
    expect(readdirSync(ground.paths.instancesDir)).toEqual([]);
  });

  it('keeps what others put beside its upper', async () => {
    await storage.createUpper(9, sliceA);
    writeFileSync(`${ground.paths.instancesDir}/9/console.log`, '');
    await storage.removeUpper(9);
    expect(readdirSync(`${ground.paths.instancesDir}/9`)).toEqual(['console.log']);
    expect(await storage.listUppers()).toEqual([]);
  });

  it('has plain directories that no overlay covers', async () => {
    await storage.createUpper(9, sliceA);
    const directory = await storage.plainDirectory(9, 'docker', sliceA);
    expect(await storage.plainDirectory(9, 'docker', sliceA)).toBe(directory);
    expect(statSync(directory)).toMatchObject({ uid: sliceA.start, mode: 0o40711 });
    await expect(storage.plainDirectory(9, '../x', sliceA)).rejects.toThrow('no directory name');
    const nested = `${directory}/overlay2`;
    mkdirSync(`${nested}/u`, { recursive: true });
    mkdirSync(`${nested}/w`);
    chownSync(nested, sliceA.start, sliceA.start);
    await storage.removeUpper(9);
    expect(existsSync(directory)).toBe(false);
  });

  it('gets the place in its error when the disk is full', async () => {
    const small = `${ground.paths.dataDir}/small`;
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,nr_inodes=40', 'tiny', small]);
    const tiny = makeGround(small);
    try {
      const there = await tiny.storage();
      await there.createUpper(1, sliceA);
      writeFileSync(`${tiny.paths.instancesDir}/1/upper/big`, Buffer.alloc(150 * 1024));
      const error: unknown = await there.copyUpper(1, {}).catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: 'no_space' });
      expect(readdirSync(tiny.paths.layersDir)).toEqual([]);
    } finally {
      await tiny.remove();
      execFileSync('umount', [small]);
    }
  });
});
