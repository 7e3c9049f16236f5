import { afterAll, beforeAll, describe, expect } from 'vitest';

import { catalogue } from '../../src/contract/errors.ts';
import { needs } from '../helpers/needs.ts';
import { openWarren, runProgram, cli, type CommandResult, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');

/** One sentence of what is and what is wanted, no stack, no bare errno, nothing on stdout. */
function expectSentence({ stdout, stderr }: CommandResult): void {
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^error: \S.*$/m);
  expect(stderr).not.toMatch(/^\s+at |Error:|undefined|\[object/m);
  expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(4);
}

describe('bad input', () => {
  let warren: Warren;

  beforeAll(async () => {
    warren = openWarren();
    await warren.ok(['launch', 'busybox', 'm']);
  });

  afterAll(async () => {
    expect((await warren.json<unknown[]>(['list'])).length).toBe(1);
    await warren[Symbol.asyncDispose]();
  });

  test.each([
    ['an unknown key', ['config', 'set', 'm', 'limits.memroy=1GiB'], 'invalid', 'limits.memory'],
    ['a bad size', ['config', 'set', 'm', 'limits.memory=lots'], 'invalid', 'lots'],
    [
      'a key LXD has and warren not',
      ['config', 'set', 'm', 'raw.lxc=x'],
      'invalid',
      'not supported',
    ],
    ['a control character', ['config', 'set', 'm', 'environment.A=b\nC=d'], 'invalid', 'control'],
    ['a name that climbs', ['init', 'busybox', '../x'], 'invalid', 'name'],
    ['a name of 64 characters', ['init', 'busybox', 'a'.repeat(64)], 'invalid', 'name'],
    ['a name with a leading dash', ['init', 'busybox', '--', '-x'], 'invalid', 'name'],
    ['a name that is taken', ['init', 'busybox', 'm'], 'exists', 'm'],
    ['a missing image', ['launch', 'debain/12', 'x'], 'not_found', 'debian/12'],
    ['a missing machine', ['start', 'nobody'], 'not_found', 'nobody'],
    ['a missing profile', ['init', 'busybox', 'x', '-p', 'nope'], 'invalid', 'nope'],
    ['a machine that runs already', ['delete', 'm'], 'wrong_state', 'running'],
  ] as const)('%s is one sentence with the exit code of its row', async (_, args, code, says) => {
    const result = await warren.run(args);
    expectSentence(result);
    expect(result.exitCode).toBe(catalogue[code].exit);
    expect(result.stderr.toLowerCase()).toContain(says);
  });

  test('a limit that this host cannot hold is refused at start, and says who can change that', async () => {
    const status = await warren.json<{ cgroup_controllers: string[] }>(['daemon', 'status']);
    if (status.cgroup_controllers.includes('cpuset')) return;
    await warren.ok(['init', 'busybox', 'limited', '-c', 'limits.cpu=0-0']);
    const result = await warren.run(['start', 'limited']);
    expectSentence(result);
    expect(result.exitCode).toBe(catalogue.limit_unenforceable.exit);
    expect(result.stderr).toContain('warren doctor cgroup');
    await warren.ok(['delete', 'limited']);
  });

  test('an unknown command and a missing argument are usage errors', async () => {
    for (const args of [['lunch', 'debian/12', 'x'], ['exec'], ['list', '--format', 'xml']]) {
      expect((await warren.run(args)).exitCode, args.join(' ')).toBe(2);
    }
  });
});

describe('the number of a user', () => {
  test('is not what makes it root: one that maps itself to 0 is not taken for it', async () => {
    const result = await runProgram(
      'unshare',
      ['--user', '--map-root-user', process.execPath, cli, 'list'],
      {
        env: { WARREN_DIR: '/nonexistent' },
      },
    );
    expect(result.stderr).not.toContain('Cannot run as root');
  });
});
