import fc from 'fast-check';
import { expect, test } from 'vitest';

import { formatCpuSet, parseCpuSet } from '../../../src/base/cpus.ts';

test('a set of CPUs survives format and parse', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 300 }), { minLength: 1 }), (cpus) => {
      expect(parseCpuSet(formatCpuSet(cpus))).toEqual([...cpus].sort((a, b) => a - b));
    }),
  );
});

test('runs are joined and repetitions dropped', () => {
  expect(formatCpuSet(parseCpuSet('3,1-2,2,7') ?? [])).toBe('1-3,7');
});

test.each(['', ',', '2-1', '1-', 'x', '9999', '1--2'])('%j is no set of CPUs', (text) => {
  expect(parseCpuSet(text)).toBeUndefined();
});
