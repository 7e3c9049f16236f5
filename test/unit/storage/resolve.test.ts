import { describe, expect, it } from 'vitest';

import { fileError } from '../../../src/storage/files/errors.ts';
import { entryName, splitLast } from '../../../src/storage/files/resolve.ts';
import { guestId, guestOwner } from '../../../src/storage/files/stat.ts';
import { SysError } from '../../../src/sys/sys-error.ts';

const split = (path: string): [string, string] => {
  const { parent, name } = splitLast(Buffer.from(path));
  return [parent.toString(), name.toString()];
};

describe('splitLast', () => {
  it('cuts before the last name', () => {
    expect(split('/etc/hosts')).toEqual(['/etc', 'hosts']);
    expect(split('/etc/')).toEqual(['/', 'etc']);
    expect(split('/a//b///')).toEqual(['/a/', 'b']);
    expect(split('/..')).toEqual(['/', '..']);
    expect(split('/')).toEqual(['/', '']);
    expect(split('///')).toEqual(['/', '']);
  });
});

describe('entryName', () => {
  it('refuses what names no entry', () => {
    for (const name of ['', '.', '..']) {
      expect(() => entryName(Buffer.from(name), 'remove it')).toThrow('Cannot remove it');
    }
    expect(entryName(Buffer.from('...'), 'x').toString()).toBe('...');
  });
});

describe('ids', () => {
  const owner = { start: 100, size: 10 };

  it('of others are nobody to the guest', () => {
    expect([99, 100, 109, 110, 0].map((id) => guestId(id, owner))).toEqual([
      65_534, 0, 9, 65_534, 65_534,
    ]);
  });

  it('asked for are checked all at once', () => {
    expect(guestOwner(owner, { uid: 9 }, 'x')).toEqual({ uid: 109, gid: 100 });
    expect(() => guestOwner(owner, { uid: 10, gid: 0.5, mode: -1 }, 'x')).toThrow(
      /uid: 10 .*gid: 0\.5 .*mode: -1/,
    );
  });
});

describe('fileError', () => {
  const context = { what: 'read /x', path: '/x', place: '/data' };
  const code = (errno: string): unknown =>
    (fileError(new SysError(errno, 'openat2'), context) as { code: unknown }).code;

  it('gives each foreseen errno its code and leaves the others', () => {
    expect(['ENOENT', 'ENOTDIR'].map(code)).toEqual(['not_found', 'not_found']);
    expect(['ELOOP', 'EXDEV', 'EAGAIN'].map(code)).toEqual(['hostile', 'hostile', 'hostile']);
    expect(['ENOSPC', 'EDQUOT'].map(code)).toEqual(['no_space', 'no_space']);
    expect(['ENAMETOOLONG', 'EINVAL', 'EISDIR'].map(code)).toEqual([
      'invalid',
      'invalid',
      'invalid',
    ]);
    expect(code('ENOTEMPTY')).toBe('wrong_state');
    expect(code('EIO')).toBe('EIO');
    const bug = new TypeError('bug');
    expect(fileError(bug, context)).toBe(bug);
  });
});
