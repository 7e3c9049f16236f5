import { expect, test } from 'vitest';

import {
  parseAssignments,
  parseDeviceOptions,
  parseGuestPath,
  parseInstanceRef,
  parseSnapshotRefs,
  stripRemote,
} from '../../../src/cli/names.ts';

test('a machine, with or without a snapshot', () => {
  expect(parseInstanceRef('web')).toEqual({ instance: 'web', snapshot: undefined });
  expect(parseInstanceRef('local:web/s1')).toEqual({ instance: 'web', snapshot: 's1' });
  for (const word of ['', '/s', 'web/', 'a/b/c']) {
    expect(() => parseInstanceRef(word)).toThrow('wanted INSTANCE or INSTANCE/SNAPSHOT');
  }
});

test('snapshots are one word each, or follow the one machine that they are of', () => {
  const s1 = { instance: 'web', snapshot: 's1' };
  expect(parseSnapshotRefs('web', ['s1', 's2'])).toEqual([s1, { instance: 'web', snapshot: 's2' }]);
  expect(parseSnapshotRefs('local:web/s1', ['db/s1', 'web/s1'])).toEqual([
    s1,
    { instance: 'db', snapshot: 's1' },
  ]);
  expect(() => parseSnapshotRefs('web', [])).toThrow('which snapshot of web');
  expect(() => parseSnapshotRefs('web/s1', ['s2'])).toThrow('which snapshot of s2');
  expect(() => parseSnapshotRefs('web', ['db/s2'])).toThrow('Cannot use "web/db/s2"');
});

test('a remote is local or none', () => {
  expect(stripRemote('local:debian/12')).toBe('debian/12');
  expect(stripRemote('debian/12')).toBe('debian/12');
  expect(() => stripRemote('images:debian/12')).toThrow('there is no remote "images"');
  expect(() => stripRemote('ubuntu-daily:24.04')).toThrow(
    expect.objectContaining({ hint: 'the same command with ubuntu/24.04' }),
  );
});

test('a path in a machine is absolute', () => {
  expect(parseGuestPath('web/etc/hosts')).toEqual({ instance: 'web', path: '/etc/hosts' });
  expect(parseGuestPath('web/')).toEqual({ instance: 'web', path: '/' });
  for (const word of ['web', '/etc/hosts', './file']) {
    if (word === './file') expect(parseGuestPath(word).instance).toBe('.');
    else expect(() => parseGuestPath(word)).toThrow('wanted INSTANCE/PATH');
  }
});

test('assignments may have = in the value, and may be two words', () => {
  expect(parseAssignments(['a=b=c', 'd='])).toEqual({ a: 'b=c', d: '' });
  expect(parseAssignments(['limits.cpu', '2'])).toEqual({ 'limits.cpu': '2' });
  expect(() => parseAssignments(['=x'])).toThrow('wanted KEY=VALUE');
  expect(() => parseAssignments(['a'])).toThrow('wanted KEY=VALUE');
});

test('device options gather by device', () => {
  const devices = parseDeviceOptions(['eth0,a=1', 'root,size=1GiB', 'eth0,b=x,y']);
  expect(Object.fromEntries(devices)).toEqual({
    eth0: { a: '1', b: 'x,y' },
    root: { size: '1GiB' },
  });
  expect(() => parseDeviceOptions(['eth0'])).toThrow('wanted DEVICE,KEY=VALUE');
});
