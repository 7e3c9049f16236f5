import { expect, test } from 'vitest';

import {
  defaultColumns,
  imageName,
  parseColumns,
} from '../../../src/cli/render/instance-columns.ts';
import { machine } from './machine.ts';

const look = { color: false, width: undefined, now: Date.parse('2026-06-15T12:00:00Z') };
const row = (letters: string, instance = machine()): readonly unknown[] =>
  parseColumns(letters).map(({ cell }) => {
    const value = cell(instance, look);
    return typeof value === 'string' ? value : value.text;
  });

test('the usual columns of a running machine', () => {
  expect(parseColumns(defaultColumns).map(({ title }) => title)).toEqual([
    'NAME',
    'STATE',
    'IPV4',
    'IMAGE',
    'PROFILES',
    'MEMORY',
    'SNAPSHOTS',
  ]);
  expect(row(defaultColumns)).toEqual([
    'web',
    'running',
    '10.77.0.12',
    'debian/12',
    'default, strict',
    '34 MiB / 512 MiB',
    '1',
  ]);
});

test('a stopped machine has dashes', () => {
  const stopped = machine({ status: 'Stopped', network: {}, memory: 0, processes: 0, pid: 0 });
  expect(row('s46mMNp', stopped)).toEqual(['stopped', '-', '-', '-', '-', '-', '-']);
});

test('a degraded boot shows in the state', () => {
  expect(row('s', machine({ boot: 'degraded' }))).toEqual(['degraded']);
});

test('config keys are columns behind a comma', () => {
  expect(row('n,limits.memory,user.none')).toEqual(['web', '512MiB', '-']);
  expect(parseColumns('n,user.owner').map(({ title }) => title)).toEqual(['NAME', 'USER.OWNER']);
});

test('keys may say of what they are, and have a title and a most width, as with lxc', () => {
  const columns =
    'config:limits.memory:LIMIT,devices:eth0.network,limits.memory::3,limits.memory:XY:0';
  expect(parseColumns(columns).map(({ title }) => title)).toEqual([
    'LIMIT',
    'ETH0.NETWORK',
    'LIMITS.MEMORY',
    'XY',
  ]);
  const eth0 = { type: 'nic', network: 'warrenbr0' };
  const wired = { ...machine(), expanded_devices: { eth0 } };
  expect(row(columns, wired)).toEqual(['512MiB', 'warrenbr0', '512', '51']);
  expect(row('devices:eth1.network,devices:eth0.mtu', wired)).toEqual(['-', '-']);
  for (const text of ['user.x:A:B', ':', 'user.x:A:1:2']) {
    expect(() => parseColumns(text)).toThrow(`Cannot show column "${text}": wanted KEY`);
  }
});

test('an unknown letter names the known ones', () => {
  expect(() => parseColumns('nZ')).toThrow('Cannot show column "Z": wanted letters of');
});

test('the image is what a person knows it by', () => {
  const of = (config: Record<string, string>): string => imageName({ config });
  expect(of({ 'image.name': 'debian/12', 'image.os': 'Debian' })).toBe('debian/12');
  expect(of({ 'image.os': 'Debian', 'image.release': '12' })).toBe('debian/12');
  expect(of({ 'volatile.base_image': 'abcdef0123456789' })).toBe('abcdef012345');
  expect(of({})).toBe('-');
});

test.each(['', ',', ',,'])('no columns at all are refused: "%s"', (text) => {
  expect(() => parseColumns(text)).toThrow(/^Cannot show no columns: wanted letters/);
});
