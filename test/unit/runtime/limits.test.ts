import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { checkControllers, readHeld, writeLimits } from '../../../src/runtime/cgroup/limits.ts';

describe('limits', () => {
  it('are refused by the config key they come from, when their controller is missing', () => {
    const check = (keys: Record<string, string>): void => {
      checkControllers('web', { cpuMax: { quotaUs: 200_000, periodUs: 100_000 } }, keys, [
        'memory',
      ]);
    };
    expect(() => {
      check({ 'limits.cpu': '2' });
    }).toThrow('Cannot hold web to limits.cpu=2: this host does not delegate the cpu controller');
    expect(() => {
      check({ 'limits.cpu': '4', 'limits.cpu.allowance': '200ms/100ms' });
    }).toThrow('limits.cpu.allowance=200ms/100ms');
  });

  it('of disks are refused by their device', () => {
    const keys = { 'limits.memory': '1GiB', 'devices.root.limits.read': '10MB' };
    expect(() => {
      checkControllers('web', { ioMax: { '8:0': { rbps: 1e7 } } }, keys, ['memory']);
    }).toThrow(
      'Cannot hold web to devices.root.limits.read=10MB: this host does not delegate the io',
    );
  });

  it('that the host can hold pass', () => {
    checkControllers('web', { memoryMaxBytes: 1, pidsMax: 2 }, {}, ['memory', 'pids']);
    checkControllers('web', {}, {}, []);
  });
});

describe('limit files', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'warren-limits-'));
  });

  afterEach(() => {
    rmSync(dir, { recursive: true });
  });

  it('get their limit, or none, and missing ones matter only when they should hold one', () => {
    for (const file of ['pids.max', 'cpu.max']) writeFileSync(`${dir}/${file}`, 'stale-and-long');
    // Plain files keep what was there beyond the write; cgroup files replace it.
    for (const file of ['pids.max', 'cpu.max']) writeFileSync(`${dir}/${file}`, '');
    writeLimits('web', dir, { pidsMax: 7 });
    expect(readFileSync(`${dir}/pids.max`, 'utf8')).toBe('7');
    expect(readFileSync(`${dir}/cpu.max`, 'utf8')).toBe('max 100000');
    expect(() => {
      writeLimits('web', dir, { memoryMaxBytes: 4096 });
    }).toThrow('memory.max=4096: this host does not delegate the memory controller');
  });

  it('are told when they hold something', () => {
    writeFileSync(`${dir}/pids.max`, '7\n');
    writeFileSync(`${dir}/cpu.max`, 'max 100000\n');
    writeFileSync(`${dir}/io.max`, '8:0 rbps=1 wbps=max riops=max wiops=max\n');
    expect(readHeld(dir)).toEqual({
      'pids.max': '7',
      'io.max': '8:0 rbps=1 wbps=max riops=max wiops=max',
    });
  });
});
