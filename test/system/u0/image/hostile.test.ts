import { gzipSync } from 'node:zlib';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  archive,
  metadataYaml,
  rootEntries,
  unified,
  type RawEntry,
} from '../../../fixtures/images/tar.ts';
import { failure, makeGround, slice, type Ground } from './ground.ts';

let ground: Ground;

beforeEach(() => {
  ground = makeGround({ maxBytes: 8 * 1024 * 1024, maxEntries: 1000 });
});

afterEach(() => {
  ground.remove();
});

const plain = (...entries: readonly RawEntry[]): Buffer => archive(...rootEntries, ...entries);

const link = (name: string, target: string): RawEntry => ({ name, type: '2', link: target });
const hard = (name: string, target: string): RawEntry => ({ name, type: '1', link: target });

/** Refused when looked at and when unpacked, and the target's surroundings are untouched. */
async function expectRefusal(content: Buffer, code: 'hostile' | 'invalid'): Promise<void> {
  const file = ground.file('image', content);
  expect((await failure(ground.images.inspect({ metadata: file }, ground.context))).code).toBe(
    code,
  );
  const target = ground.target();
  const unpacking = ground.images.unpack({ metadata: file }, target, slice, ground.context);
  expect((await failure(unpacking)).code).toBe(code);
}

describe('an archive is refused that has', () => {
  it.each<[string, readonly RawEntry[]]>([
    ['an absolute name', [{ name: '/tmp/pwned', content: 'x' }]],
    ['..', [{ name: './../../pwned', content: 'x' }]],
    ['.. in an extended header', [{ name: 'innocent', content: 'x', pax: { path: '../pwned' } }]],
    [
      '.. in a sparse name',
      [{ name: 'innocent', content: 'x', pax: { 'GNU.sparse.name': '../pwned' } }],
    ],
    ['a hard link out', [hard('./h', '../../../../etc/passwd')]],
    ['an absolute hard link', [hard('./h', '/etc/passwd')]],
    ['a file through a symbolic link', [link('./l', '/tmp'), { name: './l/pwned', content: 'x' }]],
    ['a file through a relative one', [link('./l', '../..'), { name: './l/pwned', content: 'x' }]],
    ['a file over a symbolic link', [link('./l', '/tmp/pwned'), { name: './l', content: 'x' }]],
    ['a hard link through a symbolic link', [link('./l', '/etc'), hard('./h', './l/passwd')]],
    ['a root that is a symbolic link', [link('./', '/tmp')]],
    [
      'a sparse terabyte',
      [
        {
          name: './s',
          pax: {
            'GNU.sparse.major': '1',
            'GNU.sparse.minor': '0',
            'GNU.sparse.realsize': String(2 ** 40),
          },
          content: '0\n'.padEnd(512, '\0'),
        },
      ],
    ],
    ['more than the limit in bytes', [{ name: './big', content: Buffer.alloc(9 * 1024 * 1024) }]],
    ['more than the limit in files', Array.from({ length: 1001 }, (_, n) => ({ name: `./${n}` }))],
    ['an unknown type', [{ name: './x', type: 'D' }]],
  ])('%s', async (_title, entries) => {
    await expectRefusal(plain(...entries), 'hostile');
  });

  it.each<[string, Buffer]>([
    [
      'a rootfs that is a symbolic link',
      archive({ name: 'metadata.yaml', content: metadataYaml }, link('rootfs', '/')),
    ],
    [
      'a rootfs that is a file',
      archive({ name: 'metadata.yaml', content: metadataYaml }, { name: 'rootfs' }),
    ],
    [
      'a metadata.yaml that is a link',
      archive(link('metadata.yaml', '/etc/passwd'), ...rootEntries),
    ],
    [
      'two of them',
      archive(
        { name: 'metadata.yaml', content: metadataYaml },
        { name: './metadata.yaml', content: metadataYaml },
      ),
    ],
  ])('%s', async (_title, content) => {
    const file = ground.file('image', content);
    const found = await failure(ground.images.inspect({ metadata: file }, ground.context));
    expect(found.code).toBe('hostile');
  });

  it('a hard link out of its rootfs', async () => {
    const file = ground.file(
      'image',
      unified({ name: 'rootfs/etc/', type: '5', mode: 0o755 }, hard('rootfs/h', 'metadata.yaml')),
    );
    const unpacking = ground.images.unpack(
      { metadata: file },
      ground.target(),
      slice,
      ground.context,
    );
    expect((await failure(unpacking)).code).toBe('hostile');
  });

  it('an owner the machine has not', async () => {
    const file = ground.file('image', plain({ name: './x', uid: 30_000 }));
    const unpacking = ground.images.unpack(
      { metadata: file },
      ground.target(),
      slice,
      ground.context,
    );
    expect(await failure(unpacking)).toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('belongs to id 30000') as string,
    });
  });
});

describe('an archive is refused that is', () => {
  const honest = plain({ name: './data', content: Buffer.alloc(100_000, 'x') });
  it.each<[string, Buffer]>([
    ['empty', Buffer.alloc(0)],
    ['noise', Buffer.from('this is no archive at all, '.repeat(100))],
    ['cut off', honest.subarray(0, 50_000)],
    ['cut off, compressed', gzipSync(honest).subarray(0, 200)],
    ['not at its end', honest.subarray(0, -1024)],
    [
      'damaged, compressed',
      (() => {
        const data = gzipSync(honest);
        data.fill(0xff, 60, 120);
        return data;
      })(),
    ],
    [
      'damaged in a header',
      (() => {
        const data = Buffer.from(honest);
        data[10] = 0x41;
        return data;
      })(),
    ],
    ['no root file system', archive({ name: 'holiday.jpg', content: 'x' })],
    ['half of a split image', archive({ name: 'metadata.yaml', content: metadataYaml })],
    [
      'zstd by its first bytes only',
      Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), Buffer.alloc(5000, 'q')]),
    ],
    [
      'xz by its first bytes only',
      Buffer.concat([Buffer.from('fd377a585a00', 'hex'), Buffer.alloc(5000, 'q')]),
    ],
    [
      'bzip2 by its first bytes only',
      Buffer.concat([Buffer.from('BZh9'), Buffer.alloc(5000, 'q')]),
    ],
  ])('%s', async (_title, content) => {
    await expectRefusal(content, 'invalid');
  });

  it('a compression bomb, before it has unpacked', async () => {
    const bomb = gzipSync(plain({ name: './zeros', content: Buffer.alloc(300 * 1024 * 1024) }));
    expect(bomb.length).toBeLessThan(1024 * 1024);
    await expectRefusal(bomb, 'hostile');
    expect(readdirSync(`${ground.base}/target-1`)).not.toContain('zeros');
  });
});

describe('an archive is contained that has', () => {
  /** Unpacks and returns the target. */
  async function unpacked(content: Buffer): Promise<string> {
    const target = ground.target();
    const file = ground.file('image', content);
    await ground.images.unpack({ metadata: file }, target, slice, ground.context);
    return target;
  }

  it('devices, which are dropped', async () => {
    const target = await unpacked(
      plain(
        { name: './null', type: '3', device: [1, 3], mode: 0o666 },
        { name: './whiteout', type: '3', device: [0, 0] },
        { name: './disk', type: '4', device: [8, 0] },
        { name: './pipe', type: '6' },
      ),
    );
    expect(readdirSync(target).sort()).toEqual(['etc', 'pipe']);
    expect(lstatSync(`${target}/pipe`).isFIFO()).toBe(true);
  });

  it('symbolic links that lead out, which are only text', async () => {
    const target = await unpacked(
      plain(
        link('./passwd', '/etc/shadow'),
        link('./up', '../../../../../../..'),
        link('./tmp', '/tmp'),
      ),
    );
    expect(readlinkSync(`${target}/passwd`)).toBe('/etc/shadow');
    expect(readlinkSync(`${target}/up`)).toBe('../../../../../../..');
  });

  it('names of any bytes', async () => {
    const target = await unpacked(
      plain(
        { name: './a\x01\n\x1b[31m' },
        { name: './\xff\xfe', content: 'latin' },
        { name: './-rf' },
      ),
    );
    const names = readdirSync(Buffer.from(target), 'buffer').map((name) => name.toString('latin1'));
    expect(names.sort()).toEqual(['-rf', 'a\x01\n\x1b[31m', 'etc', '\xff\xfe']);
  });

  it('overlay’s private attributes, which are dropped', async () => {
    const pax = {
      'SCHILY.xattr.user.overlay.redirect': '/etc/shadow',
      'SCHILY.xattr.trusted.overlay.redirect': '/etc/shadow',
      'SCHILY.xattr.user.overlay.metacopy': '',
      'SCHILY.xattr.user.kept': 'yes',
    };
    const target = await unpacked(plain({ name: './f', content: 'x', pax }));
    expect(ground.run('getfattr', '-d', '-m', '-', `${target}/f`)).toContain('user.kept="yes"');
    expect(ground.run('getfattr', '-d', '-m', '-', `${target}/f`)).not.toContain('overlay');
  });

  it('the same name twice: the last one counts', async () => {
    const target = await unpacked(
      plain({ name: './f', content: 'one' }, { name: './f', content: 'two' }),
    );
    expect(readFileSync(`${target}/f`, 'utf8')).toBe('two');
  });

  it('files beside rootfs, which are left out', async () => {
    const target = await unpacked(
      unified(
        { name: 'rootfs/etc/', type: '5', mode: 0o755 },
        { name: 'templates/evil', content: 'x' },
        { name: 'pwned', content: 'x' },
        { name: 'rootfs.bak/pwned', content: 'x' },
      ),
    );
    expect(readdirSync(target)).toEqual(['etc']);
    expect(existsSync('/mnt/image/root/image/pwned')).toBe(false);
  });
});
