import { describe, expect, test } from 'vitest';

import { defineCommand } from '../../../src/cli/command.ts';
import { parseArguments, usageLine } from '../../../src/cli/parse.ts';
import { loadCommand } from '../../../src/cli/registry.ts';
import { UsageError } from '../../../src/cli/usage-error.ts';

const exec = defineCommand({
  name: 'exec',
  summary: 'Run',
  examples: [{ line: 'warren exec web -- true', does: 'runs' }],
  positionals: {
    instance: { kind: 'required', summary: 'machine' },
    command: { kind: 'rest', summary: 'command' },
  },
  options: {
    user: { kind: 'number', alias: 'u', summary: 'uid' },
    env: { kind: 'list', alias: 'e', summary: 'variable' },
    tty: { kind: 'flag', alias: 't', summary: 'terminal' },
  },
  run: () => Promise.resolve(undefined),
});

const set = defineCommand({
  name: 'config set',
  summary: 'Set',
  examples: [{ line: 'warren config set web a=b', does: 'sets' }],
  positionals: {
    instance: { kind: 'optional', summary: 'machine' },
    assignments: { kind: 'some', summary: 'values' },
  },
  options: { mode: { kind: 'text', choices: ['auto', 'none'], summary: 'mode' } },
  run: () => Promise.resolve(undefined),
});

const push = defineCommand({
  name: 'file push',
  summary: 'Push',
  examples: [{ line: 'warren file push a web/', does: 'pushes' }],
  positionals: {
    sources: { kind: 'some', summary: 'files' },
    target: { kind: 'required', summary: 'where' },
  },
  options: { 'no-profiles': { kind: 'flag', summary: 'none' } },
  run: () => Promise.resolve(undefined),
});

describe('words', () => {
  test('leave everything after the machine to the command of exec', () => {
    const args = parseArguments(exec, ['-u', '33', 'web', 'ls', '-l', '--debug', '-u', '1']);
    expect(args).toMatchObject({
      user: 33,
      instance: 'web',
      command: ['ls', '-l', '--debug', '-u', '1'],
      debug: false,
    });
  });

  test('may have the options of exec after the machine when -- begins the command', () => {
    const args = parseArguments(exec, [
      'web',
      '--user=0',
      '-e',
      'A=1',
      '-eB=2',
      '--',
      'ls',
      '--',
      'x',
    ]);
    expect(args).toMatchObject({ user: 0, env: ['A=1', 'B=2'], command: ['ls', '--', 'x'] });
  });

  test('keep an empty command word', () => {
    expect(parseArguments(exec, ['web', '--', 'printf', ''])['command']).toEqual(['printf', '']);
  });

  test('fill an optional word only when the later ones have theirs', () => {
    expect(parseArguments(set, ['a=b'])).toMatchObject({
      instance: undefined,
      assignments: ['a=b'],
    });
    expect(parseArguments(set, ['web', 'a=b', 'c=d'])).toMatchObject({
      instance: 'web',
      assignments: ['a=b', 'c=d'],
    });
  });

  test('give the last one to the target', () => {
    expect(parseArguments(push, ['a', 'b', 'web/x'])).toMatchObject({
      sources: ['a', 'b'],
      target: 'web/x',
    });
  });

  test('are never read as numbers', () => {
    expect(parseArguments(set, ['007', 'limits.cpu=0x10'])).toMatchObject({
      instance: '007',
      assignments: ['limits.cpu=0x10'],
    });
  });

  test('may begin with a dash behind --', () => {
    expect(parseArguments(set, ['--', 'web', '-x=1'])).toMatchObject({ assignments: ['-x=1'] });
  });

  test.each([
    [set, [], 'ASSIGNMENT is missing'],
    [push, ['a'], 'SOURCE is missing'],
    [exec, [], 'INSTANCE is missing'],
  ] as const)('that are missing are named', (command, words, message) => {
    expect(() => parseArguments(command, words)).toThrow(message);
  });
});

describe('options', () => {
  test('stand anywhere, and a name that begins with no- is a name', () => {
    expect(parseArguments(push, ['a', '--no-profiles', 'web/'])).toMatchObject({
      'no-profiles': true,
      sources: ['a'],
    });
  });

  test('that nobody knows are refused with the nearest', () => {
    expect(() => parseArguments(set, ['--moed', 'auto', 'a=b'])).toThrow('the nearest is --mode');
    expect(() => parseArguments(set, ['-Z', 'a=b'])).toThrow('Cannot find option -Z');
  });

  test('are checked against their choices and kinds', () => {
    expect(() => parseArguments(set, ['--mode', 'x', 'a=b'])).toThrow('wanted one of auto, none');
    expect(() => parseArguments(exec, ['-u', 'root', 'web', 'id'])).toThrow('wanted a number');
    expect(() => parseArguments(set, ['--format', 'xml', 'a=b'])).toThrow(UsageError);
  });

  test('of lxc: -f is the format where the command has no -f of its own', async () => {
    const list = await loadCommand('list');
    expect(parseArguments(list, ['-f', 'json'])).toMatchObject({ format: 'json' });
    const stop = await loadCommand('stop');
    expect(parseArguments(stop, ['-f', 'web'])).toMatchObject({ force: true, format: undefined });
  });

  test('given twice: the last one counts, a list keeps all', () => {
    expect(parseArguments(set, ['--mode', 'auto', '--mode=none', 'a=b'])['mode']).toBe('none');
    expect(parseArguments(exec, ['-e', 'A=1', '-e', 'A=2', 'web', 'env'])['env']).toEqual([
      'A=1',
      'A=2',
    ]);
  });

  test('with --help nothing else is checked', () => {
    expect(parseArguments(exec, ['--help'])).toMatchObject({ help: true });
  });

  test('of a list do not swallow the words after them', () => {
    expect(parseArguments(exec, ['-e', 'A=1', 'web', 'env'])['instance']).toBe('web');
  });
});

test('the usage line shows what must be given', () => {
  expect(usageLine(exec)).toBe('warren exec INSTANCE [--] COMMAND…');
  expect(usageLine(set)).toBe('warren config set [INSTANCE] ASSIGNMENT…');
});
