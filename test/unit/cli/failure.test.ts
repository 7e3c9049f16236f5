import { describe, expect, test } from 'vitest';

import { ServerError } from '../../../src/client/errors.ts';
import { describeFailures, formatFailure, type Failure } from '../../../src/cli/failure.ts';
import { UsageError } from '../../../src/cli/usage-error.ts';
import { WarrenError } from '../../../src/contract/errors.ts';

const look = { color: false, width: undefined, now: 0 };

function only(error: unknown, words: readonly string[] = []): Failure {
  const failures = describeFailures(error, words);
  expect(failures).toHaveLength(1);
  return failures[0] as Failure;
}

/** What a machine named `web` refuses because of its state. */
function wrongState(action: string, state: string, wanted: string): WarrenError {
  return new WarrenError('wrong_state', { name: 'web', action, state, wanted });
}

describe('a failure', () => {
  test('has the sentence, the hint and the exit code of its row', () => {
    const error = new WarrenError('limit_unenforceable', {
      name: 'db',
      key: 'limits.cpu',
      value: '0-1',
      controller: 'cpuset',
    });
    expect(only(error)).toEqual({
      message:
        'Cannot hold db to limits.cpu=0-1: this host does not delegate the cpuset controller',
      hint: 'warren doctor cgroup',
      exitCode: 12,
    });
  });

  test.each(['invalid', 'policy'] as const)(
    'of several causes (%s) has a line for each',
    (code) => {
      const issues = [
        { path: 'config.limits.memory', problem: 'too\nmuch' },
        { path: '', problem: '3 machines are too many' },
      ];
      const file = '/etc/warren/policy.yaml';
      const error = new WarrenError(code, { what: 'create web', file, issues });
      const last =
        code === 'policy' ? "       (the administrator's /etc/warren/policy.yaml)\n" : '';
      expect(formatFailure({ ...only(error), hint: undefined }, look)).toBe(
        `error: Cannot create web:\n       config.limits.memory: too?much\n       3 machines are too many\n${last}`,
      );
      const one = new WarrenError(code, { what: 'create web', file, issues: issues.slice(1) });
      expect(formatFailure(only(one), look)).toMatch(
        /^error: Cannot create web: 3 machines .*\ntry:/,
      );
      error.message = 'as a newer server puts it';
      expect(formatFailure(only(error), look)).toMatch(/^error: as a newer server puts it\ntry:/);
    },
  );

  test('of a name that is nearest to another word of the line hints no line with that word twice', () => {
    const error = new WarrenError('not_found', { kind: 'instance', name: 'b1x', nearest: 'b1' });
    expect(only(error, ['rename', 'b1x', 'b1']).hint).toBe('warren list');
  });

  test('of a misspelt name hints the same line with the nearest name', () => {
    const error = new WarrenError('not_found', {
      kind: 'image',
      name: 'debain/12',
      nearest: 'debian/12',
    });
    const failure = only(error, ['launch', 'debain/12', 'my web']);
    expect(failure.hint).toBe("warren launch debian/12 'my web'");
    expect(failure.exitCode).toBe(4);
  });

  test('of usage exits with 2', () => {
    expect(only(new UsageError('Cannot do this', 'warren --help'))).toMatchObject({
      exitCode: 2,
      hint: 'warren --help',
    });
  });

  test.each([
    [new UsageError('Cannot do this'), 'list -c x', 'warren list --help'],
    [new WarrenError('stale', { what: 'web' }), 'config edit web', 'warren config edit web'],
    [
      new WarrenError('invalid', { what: 'create x', issues: [{ path: 'name', problem: 'bad' }] }),
      'launch busybox ../x',
      'warren launch --help',
    ],
    [
      new WarrenError('not_found', { kind: 'snapshot', name: 's' }),
      'diff web/s',
      'warren snapshot list web',
    ],
    [
      new WarrenError('not_found', { kind: 'snapshot', name: 's' }),
      'restore web s',
      'warren snapshot list web',
    ],
    [
      new WarrenError('not_found', { kind: 'snapshot', name: 'web/s' }),
      'snapshot restore web s',
      'warren snapshot list web',
    ],
    [
      new WarrenError('not_found', { kind: 'snapshot', name: 'web/s' }),
      'delete web/s',
      'warren snapshot list web',
    ],
    [
      new WarrenError('exists', { kind: 'snapshot', name: 's' }),
      'snapshot web s',
      'warren snapshot list web',
    ],
    [
      new WarrenError('exists', { kind: 'profile', name: 'strict', owner: 'web' }),
      'profile add web strict',
      'warren config show web',
    ],
    [
      new WarrenError('not_found', { kind: 'file', name: '/etc/nope' }),
      'file pull web/etc/nope .',
      'warren exec web -- ls -la /etc',
    ],
    [
      new WarrenError('not_found', { kind: 'file', name: '/srv/a/b' }),
      'file mkdir web/srv/a/b',
      'warren file mkdir --parents web/srv/a/b',
    ],
    [
      new WarrenError('not_found', { kind: 'file', name: '/srv/a/b' }),
      'file mkdir -p web/srv/a/b',
      'warren exec web -- ls -la /srv/a',
    ],
    [
      new WarrenError('not_found', { kind: 'file', name: '/a b/nope' }),
      'file edit web/a',
      "warren exec web -- ls -la '/a b'",
    ],
    [
      new WarrenError('exists', { kind: 'directory', name: 'web/srv' }),
      'file mkdir web/srv',
      'warren exec web -- ls -la /',
    ],
    [
      new WarrenError('wrong_state', { name: '/srv', action: 'remove', state: 'x', wanted: 'y' }),
      'file delete web/srv',
      'warren file delete -r web/srv',
    ],
    [wrongState('start', 'running', 'stopped'), 'start web', 'warren restart web'],
    [wrongState('stop', 'stopped', 'running'), 'stop web', 'warren info web'],
    [wrongState('freeze', 'stopped', 'running'), 'pause web', 'warren start web'],
    [wrongState('unfreeze', 'stopped', 'frozen'), 'resume web', 'warren info web'],
    [wrongState('rename', 'running', 'stopped'), 'rename web db', 'warren stop web'],
    [wrongState('rename', 'running', 'stopped'), 'query /1.0/instances/other', undefined],
    [
      new WarrenError('invalid', {
        what: 'create web',
        issues: [{ path: 'profiles', problem: 'there is no profile "labb"' }],
      }),
      'launch busybox web -p labb',
      'warren profile list',
    ],
  ])(
    'that the catalogue has no command for is helped by what was typed: %s',
    (error, line, hint) => {
      expect(only(error, line.split(' ')).hint).toBe(hint);
    },
  );

  test('of a server that is not warren keeps the code of its status', () => {
    expect(only(new ServerError('no such thing', 404)).exitCode).toBe(4);
    expect(only(new ServerError('broken', 500)).exitCode).toBe(17);
  });

  test('of a file here is told as what it is', () => {
    const error = Object.assign(new Error('ENOENT: …'), {
      code: 'ENOENT',
      path: './site.conf',
      syscall: 'open',
    });
    expect(only(error)).toMatchObject({
      message: 'Cannot open ./site.conf: there is no such file',
      hint: 'ls -la .',
      exitCode: 4,
    });
  });

  test('of a directory here that a pull has no place in is mended by one option', () => {
    const place = { code: 'ENOENT', path: './no/such/x', syscall: 'open' };
    const error = Object.assign(new Error('ENOENT: …'), place);
    const pull = 'file pull web/etc/hosts ./no/such/x';
    expect(only(error, pull.split(' ')).hint).toBe(
      'warren file pull --create-dirs web/etc/hosts ./no/such/x',
    );
    expect(only(error, ['file', 'push', './no/such/x', 'web/']).hint).toBe('ls -la .');
  });

  test('that nobody foresaw is called a bug, and exits with 1', () => {
    expect(only(new TypeError('x is not a function'), ['list'])).toMatchObject({
      message: 'This is a bug in warren: x is not a function',
      hint: 'warren --debug list',
      exitCode: 1,
    });
  });

  test.each([
    { words: ['--project', 'lab', 'delete', 'web'], hint: 'warren --project lab stop web' },
    { words: ['delete', '--project=lab', 'web'], hint: 'warren --project lab stop web' },
    { words: ['delete', 'web'], hint: 'warren stop web' },
  ])('proposes nothing about another project than was meant: $words', ({ words, hint }) => {
    expect(only(wrongState('delete', 'running', 'stopped'), words).hint).toBe(hint);
  });

  test('knows the command behind options of warren itself', () => {
    const error = new UsageError('Cannot use it');
    expect(only(error, ['--project', 'lab', 'file', 'pull']).hint).toBe('warren file pull --help');
  });

  test('is that of the disk where an answer goes to one that is full', () => {
    const error = Object.assign(new Error('ENOSPC: …, write'), {
      code: 'ENOSPC',
      syscall: 'write',
    });
    expect(only(error, ['exec', 'web', '--', 'dump'])).toEqual({
      message: 'Cannot write the answer: no space left on the device',
      hint: 'df -h .',
      exitCode: 13,
    });
  });

  test('of several names at once is one each', () => {
    const errors = ['a', 'b'].map(
      (name) => new WarrenError('not_found', { kind: 'instance', name }),
    );
    expect(describeFailures(new AggregateError(errors), []).map(({ message }) => message)).toEqual([
      'Cannot find instance "a"',
      'Cannot find instance "b"',
    ]);
  });
});

test('an error is two aligned lines, harmless for the terminal', () => {
  expect(
    formatFailure({ message: 'Cannot \u001b[2J', hint: 'warren list', exitCode: 1 }, look),
  ).toBe('error: Cannot ?[2J\ntry:   warren list\n');
});
