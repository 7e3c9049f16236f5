import { describe, expect, test } from 'vitest';

import { planUnitProperties } from '../../../src/runtime/cgroup/unit-properties.ts';

const infinity = '18446744073709551615';

describe('the limits as properties of a scope', () => {
  test('systemd is told also of what has no limit, for its own defaults would stand there', () => {
    expect(planUnitProperties({}, ['pids', 'memory'])).toEqual([
      ['MemoryMax', 't', infinity],
      ['MemoryHigh', 't', infinity],
      ['MemorySwapMax', 't', infinity],
      ['TasksMax', 't', infinity],
    ]);
  });

  test('a quota is time per second, with its period', () => {
    const cpuMax = { quotaUs: 25_000, periodUs: 50_000 };
    expect(planUnitProperties({ cpuMax, cpuWeight: 7 }, ['cpu'])).toEqual([
      ['CPUQuotaPerSecUSec', 't', '500000'],
      ['CPUQuotaPeriodUSec', 't', '50000'],
      ['CPUWeight', 't', '7'],
    ]);
  });

  test.each([
    [undefined, []],
    ['0-1,9', ['3', '2']],
    ['8', ['0', '1']],
  ])('processors %s', (cpuset, bytes) => {
    expect(planUnitProperties({ cpuset }, ['cpuset'])).toEqual([['AllowedCPUs', 'ay', ...bytes]]);
  });

  test('rates of disks replace those that were there', () => {
    const ioMax = { '8:0': { rbps: 10, riops: 5 }, '8:16': { rbps: 20 } };
    const words = planUnitProperties({ ioMax }, ['io']).map((words) => words.join(' '));
    expect(words.slice(1)).toEqual([
      'IOReadBandwidthMax a(st)',
      'IOReadBandwidthMax a(st) /dev/block/8:0 10 /dev/block/8:16 20',
      'IOWriteBandwidthMax a(st)',
      'IOReadIOPSMax a(st)',
      'IOReadIOPSMax a(st) /dev/block/8:0 5',
      'IOWriteIOPSMax a(st)',
    ]);
  });
});
