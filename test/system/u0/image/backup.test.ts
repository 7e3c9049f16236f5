import { lstatSync, readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { archive, type RawEntry } from '../../../fixtures/images/tar.ts';
import { failure, makeGround, slice, type Ground } from './ground.ts';

let ground: Ground;

beforeEach(() => {
  ground = makeGround({ maxBytes: 8 * 1024 * 1024, maxEntries: 1000 });
});

afterEach(() => {
  ground.remove();
});

const head: readonly RawEntry[] = [
  { name: 'backup/', type: '5' },
  { name: 'backup/index.yaml', content: 'name: c1\n' },
];
const directory = (name: string): RawEntry => ({ name: `${name}/`, type: '5', mode: 0o755 });
const machine = 'backup/container/rootfs';
const root = directory(machine);

/** Unpacks every part of a backup into a directory of its own. */
async function unpackAll(content: Buffer): Promise<Record<string, string>> {
  const file = ground.file('backup', content);
  const targets: Record<string, string> = {};
  await using reader = await ground.images.openBackup(file, slice, ground.context);
  for (;;) {
    const part = await reader.next();
    if (part === undefined) return targets;
    const target = ground.target();
    await reader.unpack(target);
    targets[part.snapshot ?? ''] = target;
  }
}

it('unpacks each part for itself, whatever else there is', async () => {
  const content = archive(
    ...head,
    directory('backup/snapshots/s1/rootfs'),
    { name: './backup/snapshots/s1/rootfs/old', content: 'old' },
    { name: 'backup/container/backup.yaml', content: 'x' },
    { ...root, mode: 0o711, uid: 5 },
    { name: `${machine}/new`, content: 'new' },
    { name: `${machine}/name`, type: '1', link: `${machine}/new` },
    { name: `${machine}/null`, type: '3', device: [1, 3] },
    { name: 'backup/container/templates/x', content: 'x' },
    { name: 'elsewhere', content: 'x' },
  );
  const targets = await unpackAll(gzipSync(content));
  expect(readdirSync(targets['s1'] ?? '')).toEqual(['old']);
  expect(readdirSync(targets[''] ?? '').sort()).toEqual(['name', 'new']);
  expect(lstatSync(`${targets[''] ?? ''}/new`).nlink).toBe(2);
  expect(lstatSync(targets[''] ?? '')).toMatchObject({ uid: slice.start + 5, mode: 0o40711 });
});

it.each<[string, 'hostile' | 'invalid', readonly RawEntry[]]>([
  ['..', 'hostile', [root, { name: `${machine}/../../../../x`, content: 'x' }]],
  ['an absolute name', 'hostile', [root, { name: '/etc/x', content: 'x' }]],
  [
    'a hard link into a snapshot',
    'hostile',
    [
      directory('backup/snapshots/s1/rootfs'),
      root,
      { name: `${machine}/x`, type: '1', link: 'backup/snapshots/s1/rootfs/x' },
    ],
  ],
  ['a hard link out', 'hostile', [root, { name: `${machine}/x`, type: '1', link: 'backup/x' }]],
  ['a root that is a link', 'hostile', [{ name: machine, type: '2', link: '/etc' }]],
  [
    'a file through a link',
    'hostile',
    [
      root,
      { name: `${machine}/l`, type: '2', link: '/etc' },
      { name: `${machine}/l/x`, content: 'x' },
    ],
  ],
  [
    'parts in pieces',
    'invalid',
    [root, directory('backup/snapshots/s1/rootfs'), { name: `${machine}/x`, content: 'x' }],
  ],
  ['an owner without an id', 'invalid', [root, { name: `${machine}/x`, uid: 70_000 }]],
  ['too much', 'hostile', [root, { name: `${machine}/x`, size: 9_000_000 }]],
  ['too much beside it', 'invalid', [root, { name: 'x', content: Buffer.alloc(9_000_000) }]],
])('a backup is refused that has %s', async (_what, code, entries) => {
  const content = archive(...head, ...entries);
  expect((await failure(unpackAll(content))).code).toBe(code);
});

it('reads the index from the beginning alone, and only a small one', async () => {
  const read = (content: Buffer): Promise<Buffer> =>
    ground.images.readBackupIndex(ground.file('backup', content), ground.context);
  // What comes after the index is not looked at.
  const cut = archive(...head, { name: 'x', content: Buffer.alloc(100_000) }).subarray(0, 5000);
  expect((await read(cut)).toString()).toBe('name: c1\n');
  const large = { name: 'backup/index.yaml', content: Buffer.alloc(1024 * 1024 + 1) };
  expect((await failure(read(archive(large)))).code).toBe('invalid');
  expect((await failure(read(archive(root)))).code).toBe('invalid');
  const before = { name: 'x', content: Buffer.alloc(65 * 1024 * 1024) };
  expect((await failure(read(archive(before, ...head)))).code).toBe('invalid');
  expect((await failure(read(Buffer.from('no archive')))).code).toBe('invalid');
});
