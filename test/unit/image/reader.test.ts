import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatPax, parsePax } from '../../../src/image/archive/pax.ts';
import { TarReader, type TarEntry } from '../../../src/image/archive/reader.ts';
import { formatEntry } from '../../../src/image/archive/writer.ts';
import { archive, entry, type RawEntry } from '../../fixtures/images/tar.ts';

interface Reading {
  readonly entries: TarEntry[];
  readonly output: Buffer;
  readonly contents: string[];
}

/** Reads an archive in pieces of a size, deciding by name. */
function read(
  data: Buffer,
  {
    pieceBytes = 65_536,
    decide = () => 'keep' as const,
  }: {
    pieceBytes?: number;
    decide?: (entry: TarEntry) => 'keep' | 'drop' | 'collect';
  } = {},
): Reading {
  const entries: TarEntry[] = [];
  const contents: string[] = [];
  const pieces: Buffer[] = [];
  const reader = new TarReader({
    entry(one) {
      entries.push(one);
      return decide(one);
    },
    content: (_entry, content) => contents.push(content.toString('latin1')),
    emit: (piece) => pieces.push(Buffer.from(piece)),
  });
  for (let at = 0; at < data.length; at += pieceBytes)
    reader.push(data.subarray(at, at + pieceBytes));
  reader.end();
  return { entries, output: Buffer.concat(pieces), contents };
}

const file = (name: string, content: string): RawEntry => ({ name, content });

describe('TarReader', () => {
  it('passes on what it keeps, byte by byte, however the stream is cut', () => {
    const data = archive(file('a', 'one'), file('b', 'x'.repeat(2000)), file('c', ''));
    for (const pieceBytes of [1, 7, 511, 512, 513, 65_536]) {
      expect(read(data, { pieceBytes }).output.equals(data)).toBe(true);
    }
  });

  it('drops an entry with all that belongs to it', () => {
    const pax = { path: 'long/name' };
    const data = archive(file('a', '1'), { name: 'b', content: '22', pax }, file('c', '3'));
    const { output } = read(data, {
      decide: ({ name }) => (name === 'long/name' ? 'drop' : 'keep'),
    });
    expect(output.equals(archive(file('a', '1'), file('c', '3')))).toBe(true);
  });

  it('hands over content it was told to collect', () => {
    const { contents } = read(archive(file('a', 'text'), file('b', '')), {
      decide: () => 'collect',
    });
    expect(contents).toEqual(['text', '']);
  });

  it('takes names, sizes and owners from extended headers and GNU long names', () => {
    const long = `${'d/'.repeat(100)}f`;
    const data = Buffer.concat([
      entry({ name: 'short', content: 'x', pax: { path: long, uid: '70000', gid: '70001' } }),
      entry({ name: '././@LongLink', type: 'L', content: `${long}\0`, magic: 'ustar  \0' }),
      entry({ name: 'cut', content: 'y', magic: 'ustar  \0' }),
      Buffer.alloc(1024),
    ]);
    const { entries, output } = read(data);
    expect(entries.map(({ name }) => name)).toEqual([long, long]);
    expect(entries[0]).toMatchObject({ uid: 70_000, gid: 70_001, size: 1 });
    expect(read(output).entries).toEqual(entries);
  });

  it('reads numbers in base 256', () => {
    const patch = (block: Buffer) => {
      block.fill(0, 108, 116);
      block[108] = 0x80;
      block.writeUInt32BE(3_000_000, 112);
    };
    expect(read(archive({ name: 'a', patch })).entries[0]?.uid).toBe(3_000_000);
  });

  it('keeps only harmless attributes', () => {
    const rootId = (id: number) => {
      const value = Buffer.alloc(24);
      value.writeUInt32LE(0x03000001, 0);
      value.writeUInt32LE(id, 20);
      return value;
    };
    const kept = (pax: RawEntry['pax']) =>
      read(archive({ name: 'a', ...(pax === undefined ? {} : { pax }) })).output.toString('latin1');
    const output = kept({
      'SCHILY.xattr.user.note': 'n',
      'SCHILY.xattr.user.overlay.redirect': '/etc',
      'SCHILY.xattr.trusted.overlay.opaque': 'y',
      'SCHILY.xattr.security.selinux': 's',
      'SCHILY.xattr.security.ima': 'i',
      'SCHILY.acl.access': 'user::rw-',
      'LIBARCHIVE.xattr.user.x': 'eA==',
      'RHT.security.selinux': 'r',
      uname: 'root',
    });
    expect(output).toContain('user.note');
    expect(output).toContain('SCHILY.acl.access');
    for (const gone of ['overlay', 'selinux', 'security', 'LIBARCHIVE', 'uname']) {
      expect(output).not.toContain(gone);
    }
    expect(kept({ 'SCHILY.xattr.security.capability': rootId(0) })).toContain('capability');
    expect(kept({ 'SCHILY.xattr.security.capability': rootId(1000) })).not.toContain('capability');
  });

  it.each([
    ['nothing at all', Buffer.alloc(0)],
    ['a header cut off', archive(file('a', 'x')).subarray(0, 300)],
    ['content cut off', archive(file('a', 'x'.repeat(3000))).subarray(0, 1024)],
    ['no end', archive(file('a', 'x')).subarray(0, 1024)],
    ['a wrong checksum', Buffer.concat([Buffer.alloc(512, 'z'), Buffer.alloc(1024)])],
    ['a negative size', archive({ name: 'a', patch: (b) => b.fill(0xff, 124, 136) })],
    ['a directory with content', archive({ name: 'a/', type: '5', content: 'x' })],
    [
      'two extended headers',
      Buffer.concat([
        entry({ name: 'x', pax: { path: 'a' } }).subarray(0, 1024),
        archive({ name: 'b', pax: { path: 'c' } }),
      ]),
    ],
    [
      'an extended header before nothing',
      Buffer.concat([
        entry({ name: 'x', pax: { path: 'a' } }).subarray(0, 1024),
        Buffer.alloc(1024),
      ]),
    ],
    ['a huge extended header', archive({ name: 'x', type: 'x', size: 2 ** 30 })],
    ['a global header that names files', archive({ name: 'g', type: 'g', content: '10 path=a\n' })],
    ['a record of a wrong length', archive({ name: 'x', type: 'x', content: '99 path=a\n' })],
    ['an old sparse map', archive({ name: 'a', pax: { 'GNU.sparse.offset': '0' } })],
    ['a number that is none', archive({ name: 'a', pax: { size: '1e3' } })],
  ])('refuses %s', (_title, data) => {
    expect(() => read(data)).toThrow();
  });

  it('says of what does not begin as an archive that it is none', () => {
    const text = Buffer.from('root:x:0:0:root:/root:/bin/bash\n'.repeat(40));
    expect(() => read(text)).toThrow('it is no tar archive');
    const late = Buffer.concat([entry(file('a', 'x')), text]);
    expect(() => read(late)).toThrow(/^a header has/);
  });

  it('refuses an endless tail', () => {
    const reader = new TarReader({
      entry: () => 'keep',
      content: () => undefined,
      emit: () => undefined,
    });
    reader.push(archive());
    const megabyte = Buffer.alloc(1 << 20);
    expect(() => {
      for (let index = 0; index < 20; index++) reader.push(megabyte);
    }).toThrow(/after its end/);
  });

  it('never crashes on noise but with an error', () => {
    const honest = archive(file('a', 'text'), { name: 'b', pax: { path: 'c' } });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(honest.length - 1), fc.nat(255)), { maxLength: 5 }),
        (changes) => {
          const data = Buffer.from(honest);
          for (const [at, byte] of changes) data[at] = byte;
          try {
            read(data);
          } catch (error) {
            expect(error).toHaveProperty('name', 'Error');
            expect(String(error)).not.toMatch(/TypeError|RangeError/);
          }
        },
      ),
    );
  });
});

describe('extended headers', () => {
  it('survive format and parse, whatever the bytes', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((b) => Buffer.from(b).toString('latin1'));
    const key = fc.stringMatching(/^[A-Za-z.]{1,30}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(key, bytes), { minLength: 1 }), (records) => {
        const block = formatPax(new Map(records));
        const size = Number.parseInt(block.toString('latin1', 124, 135), 8);
        expect(parsePax(block.subarray(512, 512 + size))).toEqual(new Map(records));
      }),
    );
  });
});

describe('formatEntry', () => {
  it('writes what the reader reads, long and non-ASCII names too', () => {
    const path = `usr/share/ü/${'x'.repeat(120)}`;
    const data = Buffer.concat([
      formatEntry({ kind: 'file', path, mode: 0o640, content: Buffer.from('hi') }, 5),
      formatEntry({ kind: 'symlink', path: 'l', target: '../t' }, 5),
      formatEntry({ kind: 'directory', path: 'd', mode: 0o1777 }, 5),
      Buffer.alloc(1024),
    ]);
    const { entries } = read(data);
    expect(Buffer.from(entries[0]?.name ?? '', 'latin1').toString()).toBe(path);
    expect(entries[0]).toMatchObject({ type: '0', mode: 0o640, size: 2 });
    expect(entries[1]).toMatchObject({ type: '2', linkName: '../t' });
    expect(entries[2]).toMatchObject({ type: '5', mode: 0o1777 });
  });
});
