import { describe, expect, test } from 'vitest';

import { parseFilter } from '../../../src/daemon/http/filter.ts';

const web = {
  name: 'web',
  status: 'Running',
  ephemeral: false,
  config: { 'image.os': 'Debian', 'user.note': 'two words', 'limits.cpu': '2' },
  profiles: ['default'],
};

describe('filter', () => {
  test.each([
    ['', true],
    ['   ', true],
    ['name eq web', true],
    ['name eq we', false],
    ['name eq ^we', true],
    ['name eq w.b', true],
    ['status eq running', true],
    ['status ne running', false],
    ['not status eq running', false],
    ['not name eq db', true],
    ['ephemeral eq false', true],
    ['ephemeral eq true', false],
    ['config.image.os eq debian', true],
    ['config.user.note eq "two words"', true],
    ['config.limits.cpu eq 2 and status eq running', true],
    ['name eq db and status eq running', false],
    ['name eq db or status eq running', true],
    ['name eq web or name eq db and status eq stopped', false],
    ['missing eq x', false],
    ['missing ne x', true],
    ['name eq [', false],
  ])('%s is %s of a running machine', (filter, expected) => {
    expect(parseFilter(filter)(web)).toBe(expected);
  });

  test.each(['name', 'name eq', 'eq', 'name is web', 'name eq web but', 'name eq "web', 'not'])(
    '%s is refused',
    (filter) => {
      expect(() => parseFilter(filter)).toThrow(/filter/);
    },
  );

  test('a pattern that backtracks without end is compared as text', () => {
    const evil = { name: 'a'.repeat(60) };
    const before = performance.now();
    expect(parseFilter('name eq (a+)+$')(evil)).toBe(false);
    expect(parseFilter('name eq .*.*.*.*.*.*b')(evil)).toBe(false);
    expect(parseFilter(`name eq ${'(a|a)'.repeat(30)}b`)(evil)).toBe(false);
    expect(parseFilter(`name eq ${'a?'.repeat(60)}${'a'.repeat(60)}b`)(evil)).toBe(false);
    // What no name is as long as.
    const long = { name: 'a'.repeat(1000) };
    expect(parseFilter('name eq .*.*.*b')(long)).toBe(false);
    expect(parseFilter('name eq a*a*b$')(long)).toBe(false);
    expect(performance.now() - before).toBeLessThan(200);
    expect(parseFilter('name eq ^a.*a.*a+$')(evil)).toBe(true);
  });
});
