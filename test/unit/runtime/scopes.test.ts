import { expect, test } from 'vitest';

import { resolvePaths } from '../../../src/contract/paths.ts';
import { serviceName } from '../../../src/host/unit.ts';
import { scopePrefix } from '../../../src/runtime/cgroup/systemd.ts';

const usual = resolvePaths({ env: {}, home: '/home/anna', runUserDir: '/run/user/1000' });
const own = (directory: string) =>
  resolvePaths({ env: { WARREN_DIR: directory }, home: '/home/anna', runUserDir: undefined });
const prefixOf = (paths: typeof usual): string =>
  scopePrefix(`/user.slice/user-1000.slice/user@1000.service/app.slice/${serviceName(paths)}`);

test('scopes of the usual directories are called warren-NAME', () => {
  expect(prefixOf(usual)).toBe('warren');
});

test('scopes of two daemons of one user have no name in common', () => {
  const [one, other] = [prefixOf(own('/srv/one')), prefixOf(own('/srv/other'))];
  expect(one).toMatch(/^warren_[0-9a-f]{8}$/);
  expect(other).not.toBe(one);
  // Whatever follows: the letter after `warren` tells them apart.
  expect(`${one}-`.startsWith(`${prefixOf(usual)}-`)).toBe(false);
});
