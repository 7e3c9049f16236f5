import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { hostPath, type HostPath } from '../../../../src/base/brand.ts';
import { parseCompression } from '../../../../src/contract/compression.ts';
import { readCompression } from '../../../../src/image/archive/compression.ts';
import type { PackInput } from '../../../../src/image/pack.ts';
import type { ImageMetadata } from '../../../../src/image/types.ts';
import { archive, metadataYaml, rootEntries, unified } from '../../../fixtures/images/tar.ts';
import { describeTree } from '../storage/ground.ts';
import { failure, makeGround, slice, type Ground } from './ground.ts';

let ground: Ground;

beforeEach(() => {
  ground = makeGround();
});

afterEach(() => {
  ground.remove();
});

const metadata: ImageMetadata = {
  architecture: 'x86_64',
  creationDate: 1_700_000_000,
  expiryDate: 0,
  properties: { os: 'Test', description: 'ä "quoted": text' },
  templates: {},
};

const sha256 = (...contents: readonly Buffer[]): string =>
  createHash('sha256').update(Buffer.concat(contents)).digest('hex');

/** A tree with everything that an archive can lose. */
function makeTree(target: string): void {
  const script = `
import os, struct, sys
os.chdir(sys.argv[1]); start = int(sys.argv[2]); os.umask(0)
def own(path, uid, gid, mode=None):
    os.lchown(path, start + uid, start + gid)
    if mode is not None: os.chmod(path, mode)
def write(path, data, uid=0, gid=0, mode=0o644):
    with open(path, 'wb') as f: f.write(data)
    own(path, uid, gid, mode)
for d in ['etc', 'usr', 'usr/bin', 'tmp', 'home', 'home/u', 'closed', 'setgid']: os.mkdir(d); own(d, 0, 0, 0o755)
own('tmp', 0, 0, 0o1777); own('closed', 7, 7, 0o000); own('setgid', 0, 50, 0o2775); own('home/u', 1000, 1000, 0o700)
write('usr/bin/su', b'su' * 4000, 0, 0, 0o4755)
write('usr/bin/wall', b'wall', 0, 5, 0o2755)
write('usr/bin/ping', b'ping', 0, 0, 0o755)
os.setxattr('usr/bin/ping', 'security.capability', struct.pack('<IIIIII', 0x03000001, 1 << 13, 0, 0, 0, start))
write('etc/plain', b'text', 0, 42, 0o640)
os.setxattr('etc/plain', 'user.note', bytes(range(256)))
acl = struct.pack('<I', 2) + b''.join(struct.pack('<HHI', tag, perm, i) for tag, perm, i in [(1, 6, 0xffffffff), (2, 4, start + 1000), (4, 4, 0xffffffff), (8, 6, start + 2000), (16, 6, 0xffffffff), (32, 0, 0xffffffff)])
os.setxattr('etc/plain', 'system.posix_acl_access', acl)
os.setxattr('setgid', 'system.posix_acl_default', acl)
write('home/u/one', b'same', 1000, 1000, 0o600); os.link('home/u/one', 'home/u/two'); os.link('home/u/one', 'etc/three')
with open('sparse', 'wb') as f:
    f.seek(1 << 20); f.write(b'middle'); f.truncate(1 << 30)
own('sparse', 0, 0, 0o644)
os.symlink('/proc/mounts', 'etc/mtab'); own('etc/mtab', 3, 4)
os.symlink(b'\\xff\\xfe', 'etc/latin'); own('etc/latin', 0, 0)
os.symlink('x' * 4000, 'etc/long'); own('etc/long', 0, 0)
os.link('etc/mtab', 'etc/mtab2', follow_symlinks=False)
write(b'\\xff\\xfe\\x01\\n"\\\\', b'bytes')
write('x' * 255, b'long')
os.makedirs('/'.join(['d' * 50] * 20)); write('/'.join(['d' * 50] * 20) + '/deep', b'deep')
p = ''
for i in range(20):
    p = (p + '/' if p else '') + 'd' * 50; own(p, 1, 1)
os.mkfifo('fifo'); own('fifo', 0, 0, 0o620)
write('last', b'', 19999, 19999)
for top, dirs, files in os.walk(b'.'):
    for name in dirs + files: os.utime(os.path.join(top, name), ns=(0, 1234567890123456789), follow_symlinks=False)
`;
  execFileSync('python3', ['-c', script, target, String(slice.start)]);
}

const templateFiles = { 'hostname.tpl': '{{ container.name }}\n' };

/** What packs the tree at `root` into `file`, by `compression` where one is named. */
function packing(root: HostPath, file: HostPath, compression = ''): PackInput {
  const description = { metadata, templateFiles };
  return { root, description, file, slice, compression: parseCompression(compression) };
}

describe('pack and unpack', () => {
  it('keep modes, owners, times, attributes, links, holes and names', async () => {
    const tree = ground.target();
    makeTree(tree);
    const file = hostPath(`${ground.base}/packed`);
    const packed = await ground.images.pack(packing(tree, file), ground.context);
    expect(packed).toMatchObject({ metadata, templateFiles });
    expect(packed.fingerprint).toBe(sha256(readFileSync(file)));
    expect(packed.sizeBytes).toBe(statSync(file).size);
    expect(statSync(file).size).toBeLessThan(100_000);

    expect(await ground.images.inspect({ metadata: file }, ground.context)).toEqual(packed);
    const copy = ground.target();
    await ground.images.unpack({ metadata: file }, copy, slice, ground.context);
    expect(describeTree(copy, slice.start).slice(1)).toEqual(
      describeTree(tree, slice.start).slice(1),
    );
    expect(statSync(`${copy}/sparse`).blocks).toBeLessThan(64);

    // The same tree packs into the same bytes, and for another slice into the same guest ids.
    const again = hostPath(`${ground.base}/again`);
    expect(await ground.images.pack(packing(copy, again), ground.context)).toEqual(packed);
    const shifted = hostPath(`${ground.base}/target-shifted`);
    mkdirSync(shifted);
    const other = { start: 20_001, size: 20_000 };
    execFileSync('chown', [`${other.start}:${other.start}`, shifted]);
    await ground.images.unpack({ metadata: file }, shifted, other, ground.context);
    expect(describeTree(shifted, other.start).slice(1)).toEqual(
      describeTree(tree, slice.start).slice(1),
    );
  });

  it.each([
    ['none', 'none'],
    ['gzip', 'gzip'],
    ['gzip -1', 'gzip'],
    ['bzip2', 'bzip2'],
    ['lzma', 'lzma'],
    ['xz', 'xz'],
    ['zstd -19', 'zstd'],
  ])('packs by %s, and reads that again', async (wanted, found) => {
    const tree = ground.target();
    writeFileSync(`${tree}/file`, 'same\n'.repeat(1000));
    chownSync(`${tree}/file`, slice.start, slice.start);
    const file = hostPath(`${ground.base}/packed`);
    const packed = await ground.images.pack(packing(tree, file, wanted), ground.context);
    expect(await readCompression(file)).toBe(found);
    expect(await ground.images.inspect({ metadata: file }, ground.context)).toEqual(packed);
    const copy = ground.target();
    await ground.images.unpack({ metadata: file }, copy, slice, ground.context);
    expect(readFileSync(`${copy}/file`, 'utf8')).toHaveLength(5000);
  });

  it('writes what a stock tar lists as a unified image', async () => {
    const tree = ground.target();
    execFileSync('mkdir', ['-p', `${tree}/etc`]);
    const file = hostPath(`${ground.base}/packed`);
    await ground.images.pack(packing(tree, file), ground.context);
    const names = ground.run('tar', '-tf', file).trim().split('\n');
    expect(names).toEqual(['metadata.yaml', 'templates/hostname.tpl', 'rootfs/', 'rootfs/etc/']);
  });
});

describe('formats', () => {
  const root = archive(...rootEntries, { name: './etc/x', content: 'content' });

  it.each([
    ['gzip', ['gzip', '-c']],
    ['xz', ['xz', '-c']],
    ['lzma', ['xz', '--format=lzma', '-c']],
    ['bzip2', ['bzip2', '-c']],
    ['zstd', ['zstd', '-c', '-q']],
    ['none', ['cat']],
  ])('reads a plain root file system compressed by %s', async (_name, [program = '', ...args]) => {
    const content = execFileSync(program, args, { input: root });
    const file = ground.file('image', content);
    const image = await ground.images.inspect({ metadata: file }, ground.context);
    expect(image).toMatchObject({ fingerprint: sha256(content), sizeBytes: content.length });
    expect(image.metadata).toMatchObject({ architecture: 'x86_64', properties: {} });
    const target = ground.target();
    await ground.images.unpack({ metadata: file }, target, slice, ground.context);
    expect(readFileSync(`${target}/etc/x`, 'utf8')).toBe('content');
    expect(statSync(`${target}/etc/x`).uid).toBe(slice.start);
  });

  it('reads a unified image, with or without ./ and in any order', async () => {
    for (const [index, prefix] of ['', './'].entries()) {
      const content = archive(
        { name: `${prefix}rootfs/`, type: '5', mode: 0o751 },
        { name: `${prefix}rootfs/etc/`, type: '5', mode: 0o755 },
        { name: `${prefix}rootfs/etc/x`, content: 'content' },
        { name: `${prefix}metadata.yaml`, content: metadataYaml },
      );
      const file = ground.file(`image-${index}`, content);
      const { metadata: found } = await ground.images.inspect({ metadata: file }, ground.context);
      expect(found.creationDate).toBe(1_700_000_000);
      const target = ground.target();
      await ground.images.unpack({ metadata: file }, target, slice, ground.context);
      expect(readdirSync(target)).toEqual(['etc']);
      expect(statSync(target).mode & 0o777).toBe(0o751);
    }
  });

  it('reads a split image', async () => {
    const meta = gzipSync(archive({ name: 'metadata.yaml', content: metadataYaml }));
    const files = { metadata: ground.file('meta', meta), rootfs: ground.file('rootfs', root) };
    const image = await ground.images.inspect(files, ground.context);
    expect(image).toMatchObject({
      fingerprint: sha256(meta, root),
      sizeBytes: meta.length + root.length,
    });
    const target = ground.target();
    await ground.images.unpack(files, target, slice, ground.context);
    expect(readFileSync(`${target}/etc/x`, 'utf8')).toBe('content');
  });

  it.skipIf(!existsSync('/usr/bin/mksquashfs'))('reads a split image with a squashfs', async () => {
    const tree = ground.target();
    makeTree(tree);
    execFileSync('rm', ['-rf', `${tree}/sparse`, `${tree}/${'d'.repeat(50)}`]);
    const squashed = `${ground.base}/squashed`;
    // As a machine's root would see it.
    execFileSync('mksquashfs', [tree, squashed, '-quiet', '-no-progress', '-all-root']);
    const meta = archive({ name: 'metadata.yaml', content: metadataYaml });
    const files = { metadata: ground.file('meta', meta), rootfs: hostPath(squashed) };
    await ground.images.inspect(files, ground.context);
    const target = ground.target();
    await ground.images.unpack(files, target, slice, ground.context);
    expect(readdirSync(target).sort()).toEqual(readdirSync(tree).sort());
    expect(readFileSync(`${target}/usr/bin/ping`, 'utf8')).toBe('ping');
    expect(statSync(`${target}/usr/bin/su`).mode & 0o7777).toBe(0o4755);
    expect(statSync(`${target}/usr/bin/su`).uid).toBe(slice.start);
  });

  it.skipIf(existsSync('/usr/bin/unsquashfs'))('says what a squashfs needs', async () => {
    const meta = archive({ name: 'metadata.yaml', content: metadataYaml });
    const squashed = ground.file('rootfs', Buffer.concat([Buffer.from('hsqs'), Buffer.alloc(96)]));
    const files = { metadata: ground.file('meta', meta), rootfs: squashed };
    const unpacking = ground.images.unpack(files, ground.target(), slice, ground.context);
    expect(await failure(unpacking)).toMatchObject({
      code: 'host_lacks',
      message: expect.stringContaining('unsquashfs') as string,
    });
  });
});

describe('unpacking', () => {
  it('says that the disk is full', async () => {
    const target = ground.target();
    execFileSync('mount', [
      '-t',
      'tmpfs',
      '-o',
      `size=1m,uid=${slice.start},gid=${slice.start}`,
      't',
      target,
    ]);
    const content = archive(...rootEntries, { name: './big', content: Buffer.alloc(4 << 20, 'x') });
    const file = ground.file('image', content);
    try {
      const found = await failure(
        ground.images.unpack({ metadata: file }, target, slice, ground.context),
      );
      expect(found.code).toBe('no_space');
    } finally {
      execFileSync('umount', [target]);
    }
  });

  it('stops when cancelled, at any moment, and leaves nobody running', async () => {
    const many = Array.from({ length: 3000 }, (_, n) => ({ name: `./${n}`, content: `${n}` }));
    const file = ground.file('image', gzipSync(archive(...rootEntries, ...many)));
    for (const delayMs of [0, 5, 15, 30, 60, 120]) {
      const stop = new AbortController();
      const context = { signal: stop.signal, progress: () => undefined };
      const work = failure(
        ground.images.unpack({ metadata: file }, ground.target(), slice, context),
      );
      await sleep(delayMs);
      stop.abort();
      const found = await work.catch(() => ({ code: 'done' }));
      expect(['cancelled', 'done']).toContain(found.code);
    }
  });

  it('reports progress that only grows', async () => {
    const content = archive(...rootEntries, {
      name: './big',
      content: Buffer.alloc(20 << 20, 'x'),
    });
    const file = ground.file('image', content);
    await ground.images.unpack({ metadata: file }, ground.target(), slice, ground.context);
    expect(ground.reports.length).toBeGreaterThan(0);
    // It is looked through once before it is unpacked.
    for (const wanted of ['checking the image', 'unpacking the image']) {
      const percents = ground.reports
        .filter(({ stage }) => stage === wanted)
        .map(({ percent }) => percent ?? -1);
      expect(percents).toEqual([...percents].sort((a, b) => a - b));
    }
    expect(ground.reports.every(({ stage }) => stage.includes('the image'))).toBe(true);
  });

  it('refuses the millionth-and-first file before any disk is touched', async () => {
    const one = archive({ name: './f' }).subarray(0, 512);
    const rooted = archive(...rootEntries).subarray(0, -1024);
    const gzip = spawn('gzip', ['-1'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    gzip.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    const closed = new Promise((resolve) => gzip.once('close', resolve));
    gzip.stdin.write(rooted);
    const block = Buffer.concat(Array.from({ length: 1000 }, () => one));
    for (let n = 0; n < 1001; n++) {
      if (!gzip.stdin.write(block))
        await new Promise((resolve) => gzip.stdin.once('drain', resolve));
    }
    gzip.stdin.end(Buffer.alloc(1024));
    await closed;
    const file = ground.file('image', Buffer.concat(chunks));
    expect(await failure(ground.images.inspect({ metadata: file }, ground.context))).toMatchObject({
      code: 'hostile',
      message: expect.stringContaining('1,000,000 files') as string,
    });
  });
});

describe('packing', () => {
  it('leaves no file when it fails', async () => {
    const small = `${ground.base}/small`;
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 't', small]);
    const tree = ground.target();
    writeFileSync(
      `${tree}/noise`,
      execFileSync('head', ['-c', '4M', '/dev/urandom'], { maxBuffer: 1 << 23 }),
    );
    try {
      const file = hostPath(`${small}/image`);
      const found = await failure(ground.images.pack(packing(tree, file), ground.context));
      expect(found.code).toBe('no_space');
      expect(readdirSync(small)).toEqual([]);
    } finally {
      execFileSync('umount', [small]);
    }
  });

  it('stops when cancelled', async () => {
    const tree = ground.target();
    makeTree(tree);
    const stop = new AbortController();
    const file = hostPath(`${ground.base}/image`);
    const context = { signal: stop.signal, progress: () => undefined };
    const work = failure(ground.images.pack(packing(tree, file), context));
    await sleep(20);
    stop.abort();
    expect((await work).code).toBe('cancelled');
    expect(existsSync(file)).toBe(false);
  });
});

it('a unified image in one go with its metadata', async () => {
  const file = ground.file('image', unified({ name: 'rootfs/usr/', type: '5', mode: 0o755 }));
  const image = await ground.images.inspect({ metadata: file }, ground.context);
  expect(image.metadata.architecture).toBe('x86_64');
});
