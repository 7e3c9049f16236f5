import { expect, test } from 'vitest';

import { findCommand } from '../../../src/cli/registry.ts';

test.each([
  ['list', 'list', []],
  ['ls -c n', 'list', ['-c', 'n']],
  ['rm web', 'delete', ['web']],
  ['create debian/12', 'init', ['debian/12']],
  ['config device add web eth0 nic', 'config device add', ['web', 'eth0', 'nic']],
  ['image ls', 'image list', []],
  ['image alias rm x', 'image alias delete', ['x']],
  ['profile create lab', 'profile create', ['lab']],
  ['delete rm', 'delete', ['rm']],
] as const)('"%s" is %s', (line, name, words) => {
  expect(findCommand(line.split(' '))).toEqual({ kind: 'command', name, words });
});

test.each(['config', 'config device', 'image alias', 'config --help', 'daemon -h'])(
  '"%s" is a group',
  (line) => {
    expect(findCommand(line.split(' '))).toMatchObject({ kind: 'group' });
  },
);

test('an option where a command is wanted is called one', () => {
  expect(() => findCommand(['-v'])).toThrow('Cannot find option -v of warren');
  expect(() => findCommand(['--nope'])).toThrow('Cannot find option --nope of warren');
});

test.each([
  ['ps', 'list'],
  ['run debian/12', 'launch'],
  ['remote list', 'image list --available'],
  ['cluster list', 'info'],
  ['wait web', 'monitor'],
  ['storage create fast dir', 'storage volume create'],
] as const)('"%s", from another program, is told what it is here', (line, here) => {
  expect(() => findCommand(line.split(' '))).toThrow(`here it is "${here}"`);
});

test('a misspelt command is refused with the nearest, at its level', () => {
  expect(() => findCommand(['lauch'])).toThrow('the nearest is "launch"');
  expect(() => findCommand(['config', 'devcie', 'add'])).toThrow('the nearest is "config device"');
  expect(() => findCommand(['conf'])).toThrow('the nearest is "config"');
  expect(() => findCommand(['xyzzyxyzzy'])).toThrow('Cannot find command "xyzzyxyzzy"');
});
