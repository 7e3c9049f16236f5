import { describe, expect, test } from 'vitest';

import { isAllowedPath } from '../../../src/contract/policy/check.ts';
import { parsePolicy } from '../../../src/contract/policy/parse.ts';
import { matchesPattern } from '../../../src/contract/policy/policy.ts';

function problems(document: unknown): string[] {
  const parsed = parsePolicy(document);
  if ('policy' in parsed) throw new Error('it was taken');
  return parsed.issues.map(({ path, problem }) => `${path}: ${problem}`);
}

test('everything wrong with a policy is told at once, with the nearest name', () => {
  expect(
    problems({
      machine: 3,
      machines: -1,
      each: { memory: 5, cpu: 0, process: 1 },
      force: { 'security.nestin': 'true', 'user.a': true },
      deny: ['limits.memry', 'volatile.uuid', 7],
      devices: { types: ['gpu'], paths: ['srv'], listen: ['localhost'] },
      images: ['0123456789abcdef', 'Debian'],
    }),
  ).toEqual([
    'machine: unknown; the nearest is "machines"',
    'machines: -1 is not valid, wanted a whole number from 0',
    'each.process: unknown; the nearest is "processes"',
    'each.memory: 5 is not valid, wanted a size such as 2GiB',
    'each.cpu: 0 is not valid, wanted a number of CPUs such as 2 or 0.5',
    'force.user.a: true is not valid, wanted text, in quotes',
    'force.security.nestin: unknown key; the nearest name is "security.nesting"',
    'deny[0]: "limits.memry" is not valid: there is no such key; the nearest is "limits.memory"',
    'deny[1]: "volatile.uuid" is not valid: these keys are records of warren',
    'deny[2]: 7 is not valid: wanted text, in quotes',
    'devices.types[0]: "gpu" is not valid: wanted one of disk, nic, proxy, unix-char, none',
    'devices.paths[0]: "srv" is not valid: wanted an absolute path without ..',
    'devices.listen[0]: "localhost" is not valid: wanted an address such as 127.0.0.1',
    'images[0]: "0123456789abcdef" is not valid: wanted a recipe such as debian/*, import, publish, or a whole fingerprint',
    'images[1]: "Debian" is not valid: wanted a recipe such as debian/*, import, publish, or a whole fingerprint',
  ]);
});

test.each([[[]], ['text'], [3], [true]])('%j is no policy', (document) => {
  expect(problems(document)).toEqual([expect.stringContaining('wanted names with values')]);
});

test('an empty file has no rules', () => {
  expect(parsePolicy(null)).toEqual({
    policy: { each: {}, together: {}, force: {}, deny: [], devices: {} },
  });
});

describe('a path of the host', () => {
  const policy = (paths: string[]): Parameters<typeof isAllowedPath>[0] => {
    const parsed = parsePolicy({ devices: { paths } });
    if (!('policy' in parsed)) throw new Error('refused');
    return parsed.policy;
  };

  test.each([
    ['/srv', '/srv', true],
    ['/srv/', '/srv/a/b', true],
    ['/srv', '/srvx', false],
    ['/srv/a', '/srv', false],
    ['/srv', '//srv//a/', true],
    ['/home/{user}', '/home/anna/x', true],
    ['/home/{user}', '/home/bert', false],
    ['/', '/etc/passwd', true],
  ])('below %s: %s is allowed: %s', (entry, path, allowed) => {
    expect(isAllowedPath(policy([entry]), path, 'anna')).toBe(allowed);
  });

  test('without a list every one is allowed, with an empty list none', () => {
    expect(
      isAllowedPath({ each: {}, together: {}, force: {}, deny: [], devices: {} }, '/x', 'a'),
    ).toBe(true);
    expect(isAllowedPath(policy([]), '/x', 'a')).toBe(false);
  });
});

test.each([
  [['linux.sysctl.*'], 'linux.sysctl.net.a', true],
  [['linux.*'], 'limits.cpu', false],
  [['raw.idmap'], 'raw.idmap', true],
  [['raw.idmap'], 'raw.idmapx', false],
  [[], 'a', false],
])('%j has %s: %s', (patterns, name, wanted) => {
  expect(matchesPattern(patterns, name)).toBe(wanted);
});
