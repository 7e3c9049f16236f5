import { describe, expect, it } from 'vitest';

import { normalisePath, showName } from '../../../src/image/archive/names.ts';
import { ArchivePolicy } from '../../../src/image/archive/policy.ts';
import type { TarEntry } from '../../../src/image/archive/reader.ts';

const limits = { maxBytes: 1_000_000, maxEntries: 100 };

function entryOf(name: string, rest: Partial<TarEntry> = {}): TarEntry {
  const size = rest.size ?? 0;
  return {
    name,
    linkName: '',
    type: '0',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size,
    realSize: size,
    ...rest,
  };
}

/** The error code of the first entry that is refused, or undefined. */
function judge(...entries: readonly TarEntry[]): unknown {
  const policy = new ArchivePolicy({ what: 'unpack', limits, ids: { start: 1, size: 65_536 } });
  try {
    for (const one of entries) policy.check(one);
    return undefined;
  } catch (error) {
    return (error as { code: unknown }).code;
  }
}

const link = (name: string, linkName: string) => entryOf(name, { type: '2', linkName });
const hard = (name: string, linkName: string) => entryOf(name, { type: '1', linkName });
const directory = (name: string) => entryOf(name, { type: '5' });

describe('ArchivePolicy', () => {
  it.each([
    ['an absolute name', [entryOf('/etc/passwd')]],
    ['a name with ..', [entryOf('a/../../b')]],
    ['a name that is ..', [directory('..')]],
    ['a NUL in a name', [entryOf('a\0b')]],
    ['an overlong component', [entryOf('x'.repeat(256))]],
    ['an overlong path', [entryOf('x/'.repeat(2100))]],
    ['a hard link to an absolute name', [hard('a', '/etc/passwd')]],
    ['a hard link with ..', [hard('a', '../../etc/passwd')]],
    ['a hard link to the root', [hard('a', './')]],
    ['a file below a symbolic link', [link('a', '/etc'), entryOf('a/passwd')]],
    ['a file far below one', [link('a', '/'), entryOf('a/b/c/d/e')]],
    ['a file below one in other words', [link('./a/', '/etc'), entryOf('.//a/./b')]],
    ['a hard link through one', [link('a', '/etc'), hard('b', 'a/passwd')]],
    ['a file over one', [link('a', '/etc/passwd'), entryOf('a')]],
    ['a directory over one', [link('a', '/etc'), directory('a')]],
    ['a file below a hard link to one', [link('a', '/etc'), hard('b', 'a'), entryOf('b/c')]],
    [
      'a link made after its directory',
      [directory('a'), entryOf('a/x'), link('a', '/'), entryOf('a/y')],
    ],
    ['a root that is a link', [link('./', '/')]],
    ['a link to nothing', [link('a', '')]],
    ['an unknown type', [entryOf('a', { type: 'D' })]],
    ['a volume label', [entryOf('a', { type: 'V' })]],
    ['a file called like a directory', [entryOf('a/')]],
    ['too much content', [entryOf('a', { size: 600_000 }), entryOf('b', { size: 600_000 })]],
    ['a sparse terabyte', [entryOf('a', { realSize: 2 ** 40 })]],
    ['too many files', Array.from({ length: 101 }, (_, n) => entryOf(String(n)))],
  ])('refuses %s as hostile', (_title, entries) => {
    expect(judge(...entries)).toBe('hostile');
  });

  it.each(['2', '5'])('refuses a small archive of a million long names (type %s)', (type) => {
    const many = { ...limits, maxEntries: 1_000_000 };
    const policy = new ArchivePolicy({ what: 'unpack', limits: many, ids: undefined });
    const long = 'x'.repeat(250);
    const path = Array.from({ length: 15 }, () => long).join('/');
    let taken = 0;
    const takeAll = (): void => {
      for (; taken < 1_000_000; taken++) {
        policy.check(entryOf(`${path}/${taken}`, { type, linkName: 'x' }));
      }
    };
    expect(takeAll).toThrow(/unpacks to more than 128 MiB of names/);
    expect(taken).toBeGreaterThan(30_000);
  });

  it('refuses owners a machine has not', () => {
    expect(judge(entryOf('a', { uid: 65_536 }))).toBe('invalid');
    expect(judge(entryOf('a', { gid: -1 }))).toBe('invalid');
    expect(judge(entryOf('a', { uid: 65_535 }))).toBeUndefined();
  });

  it('lets through what honest root file systems have', () => {
    expect(
      judge(
        directory('./'),
        directory('./etc/'),
        link('./etc/mtab', '/proc/mounts'),
        link('./lib', 'usr/lib'),
        link('./up', '../../../..'),
        entryOf('./etc/\x01\n\xff'),
        hard('./etc/two', './etc/one'),
        entryOf('./run/initctl', { type: '6' }),
        entryOf('./dev/null', { type: '3' }),
        entryOf('./etc/..data'),
      ),
    ).toBeUndefined();
  });

  it('tells devices', () => {
    const policy = new ArchivePolicy({ what: 'unpack', limits, ids: { start: 1, size: 1 } });
    expect(policy.check(entryOf('a', { type: '4' })).isDevice).toBe(true);
    expect(policy.check(entryOf('b')).isDevice).toBe(false);
  });
});

describe('names', () => {
  it('are the same however they are written', () => {
    expect(normalisePath('./a//b/./c/')).toBe('a/b/c');
    expect(normalisePath('./')).toBe('');
    expect(normalisePath('')).toBe('');
  });

  it('are shown without anything a terminal acts on', () => {
    expect(showName('a\x1b[31m\n')).toBe('"a\\u{1b}[31m\\u{a}"');
    expect(showName('x'.repeat(300)).length).toBeLessThan(90);
    expect(showName(Buffer.from('ü').toString('latin1'))).toBe('"ü"');
  });
});
