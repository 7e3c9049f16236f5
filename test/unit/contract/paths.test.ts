import { expect, test } from 'vitest';

import { resolvePaths } from '../../../src/contract/paths.ts';

const home = '/home/anna';

test('paths follow XDG', () => {
  const paths = resolvePaths({
    env: { XDG_RUNTIME_DIR: '/run/user/1000', XDG_DATA_HOME: '/srv/data/' },
    home,
    runUserDir: undefined,
  });
  expect(paths.socket).toBe('/run/user/1000/warren/unix.socket');
  expect(paths.database).toBe('/srv/data/warren/warren.db');
});

test('paths without XDG_RUNTIME_DIR use /run/user when it is there, else the data directory', () => {
  expect(resolvePaths({ env: {}, home, runUserDir: '/run/user/1000' }).runtimeDir).toBe(
    '/run/user/1000/warren',
  );
  expect(resolvePaths({ env: {}, home, runUserDir: undefined }).runtimeDir).toBe(
    '/home/anna/.local/share/warren/run',
  );
});

test('WARREN_DIR holds everything', () => {
  const paths = resolvePaths({ env: { WARREN_DIR: '/srv/w' }, home, runUserDir: '/run/user/1000' });
  expect(paths.socket).toBe('/srv/w/unix.socket');
  expect(paths.database).toBe('/srv/w/warren.db');
});

test('relative directories of XDG are ignored', () => {
  const paths = resolvePaths({
    env: { WARREN_DIR: '', XDG_DATA_HOME: 'data', XDG_RUNTIME_DIR: '' },
    home,
    runUserDir: undefined,
  });
  expect(paths.dataDir).toBe('/home/anna/.local/share/warren');
});

test('a relative WARREN_DIR is refused', () => {
  const input = { env: { WARREN_DIR: './w' }, home, runUserDir: undefined };
  expect(() => resolvePaths(input)).toThrow(/Cannot use "\.\/w": .*relative/);
});
