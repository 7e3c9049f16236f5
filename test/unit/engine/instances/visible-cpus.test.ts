import { describe, expect, it } from 'vitest';

import { visibleCpus } from '../../../../src/engine/instances/visible-cpus.ts';

describe('the CPUs that programs in a machine find', () => {
  const host = [0, 1, 4, 5];

  it('are as many as limits.cpu says, others for the next machine, and never one twice', () => {
    expect(visibleCpus({ 'limits.cpu': '1' }, 0, host)).toEqual([0]);
    expect(visibleCpus({ 'limits.cpu': '1' }, 3, host)).toEqual([5]);
    expect(visibleCpus({ 'limits.cpu': '2' }, 1, host)).toEqual([4, 5]);
    expect(visibleCpus({ 'limits.cpu': '3' }, 1, host)).toEqual([0, 1, 5]);
  });

  it('are all without a number, with as many as there are, and with a set, which is held', () => {
    for (const value of [undefined, '', '4', '64', '0-1', '1,4']) {
      expect(visibleCpus(value === undefined ? {} : { 'limits.cpu': value }, 7, host)).toBe(
        undefined,
      );
    }
  });
});
