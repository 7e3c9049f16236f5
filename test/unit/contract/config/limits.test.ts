import { describe, expect, it } from 'vitest';

import { expand } from '../../../../src/contract/config/expand.ts';
import { effectiveLimits, effectiveRlimits } from '../../../../src/contract/config/limits.ts';
import {
  readBool,
  readInteger,
  readPrefix,
  readString,
} from '../../../../src/contract/config/read.ts';

const ofInstance = (config: Record<string, string>) => expand([], { config, devices: {} });
const host = { memoryBytes: 1000, controllers: ['memory', 'pids', 'cpu'] };

describe('effectiveLimits', () => {
  it('asks for nothing when nothing is set', () => {
    expect(effectiveLimits(ofInstance({}), host)).toEqual({ limits: {}, keys: {}, skipped: [] });
  });

  it.each([
    [{ 'limits.memory': '50%' }, { memoryMaxBytes: 500 }],
    [{ 'limits.memory': '1KiB', 'limits.memory.enforce': 'soft' }, { memoryHighBytes: 1024 }],
    [{ 'limits.memory.swap': 'false' }, { swapMaxBytes: 0 }],
    [{ 'limits.memory.swap': '2KiB' }, { swapMaxBytes: 2048 }],
    [{ 'limits.memory.swap': 'true' }, {}],
    [{ 'limits.cpu': '2' }, { cpuMax: { quotaUs: 200_000, periodUs: 100_000 } }],
    [{ 'limits.cpu': '3,1-1' }, { cpuset: '1,3' }],
    [{ 'limits.cpu.allowance': '50%' }, { cpuWeight: 50 }],
    [{ 'limits.cpu.allowance': '5%', 'limits.cpu.priority': '0' }, { cpuWeight: 1 }],
    [{ 'limits.cpu.priority': '3' }, { cpuWeight: 93 }],
    [
      { 'limits.cpu': '1', 'limits.cpu.allowance': '30ms/10ms' },
      { cpuMax: { quotaUs: 100_000, periodUs: 100_000 } },
    ],
    [
      { 'limits.cpu': '1', 'limits.cpu.allowance': '5ms/10ms' },
      { cpuMax: { quotaUs: 5000, periodUs: 10_000 } },
    ],
    [{ 'limits.processes': '7' }, { pidsMax: 7 }],
    [{ 'limits.disk.priority': '0' }, { ioWeight: 10 }],
    [
      { 'limits.hugepages.2MB': '4MiB', 'limits.hugepages.1GB': '1GiB' },
      { hugetlbMax: { '2MB': 4 * 1024 ** 2, '1GB': 1024 ** 3 } },
    ],
  ])('reads %o as %o', (config, limits) => {
    expect(effectiveLimits(ofInstance(config as Record<string, string>), host).limits).toEqual(
      limits,
    );
  });

  it('reads rates of disks, of which the tighter holds where two share a block device', () => {
    const disk = (keys: Record<string, string>) => ({ type: 'disk', ...keys });
    const devices = {
      root: disk({ path: '/', pool: 'default', 'limits.read': '10MB', 'limits.write': '50iops' }),
      share: disk({ path: '/srv', source: '/srv', 'limits.max': '4MB', 'limits.read': '1MB' }),
      other: disk({ path: '/mnt', source: '/mnt', 'limits.max': '9IOPS' }),
      gone: disk({ path: '/gone', source: '/gone', 'limits.max': '1MB' }),
    };
    const blocks: Record<string, string> = { '/srv': '8:0', '/mnt': '8:16' };
    const blockDevice = (_: string, source = '/srv') => blocks[source];
    expect(effectiveLimits(expand([], { config: {}, devices }), { ...host, blockDevice })).toEqual({
      limits: {
        ioMax: {
          '8:0': { rbps: 4e6, wbps: 4e6, wiops: 50 },
          '8:16': { riops: 9, wiops: 9 },
        },
      },
      keys: {
        'devices.root.limits.read': '10MB',
        'devices.root.limits.write': '50iops',
        'devices.share.limits.max': '4MB',
        'devices.other.limits.max': '9IOPS',
      },
      skipped: [],
    });
  });

  it('leaves out what the host cannot hold when told to warn, and names it', () => {
    const config = { 'limits.cpu': '0-1', 'limits.memory': '10B', 'warren.limits.missing': 'warn' };
    expect(effectiveLimits(ofInstance(config), host)).toEqual({
      limits: { memoryMaxBytes: 10 },
      keys: { 'limits.memory': '10B' },
      skipped: [{ key: 'limits.cpu', value: '0-1', controller: 'cpuset' }],
    });
  });

  it('leaves out only what the lenient profile itself brought', () => {
    const lenient = {
      config: { 'limits.cpu': '0-1', 'limits.disk.priority': '1', 'warren.limits.missing': 'warn' },
      devices: {},
    };
    const own = { config: { 'limits.cpu': '0-0' }, devices: {} };
    const { limits, skipped } = effectiveLimits(expand([lenient], own), host);
    expect(limits).toEqual({ cpuset: '0' });
    expect(skipped.map(({ key }) => key)).toEqual(['limits.disk.priority']);
  });

  it('reads resource limits with the kernel names', () => {
    expect(
      effectiveRlimits({ 'limits.kernel.nofile': '10:20', 'limits.kernel.core': 'unlimited' }),
    ).toEqual([
      { type: 'RLIMIT_NOFILE', soft: 10, hard: 20 },
      { type: 'RLIMIT_CORE', soft: Infinity, hard: Infinity },
    ]);
  });
});

describe('the readers', () => {
  it('fall back to old names and then to the default', () => {
    expect(readString({ 'security.syscalls.blacklist': 'bpf' }, 'security.syscalls.deny')).toBe(
      'bpf',
    );
    expect(readInteger({}, 'boot.host_shutdown_timeout')).toBe(30);
    expect(readBool({}, 'boot.autostart')).toBeUndefined();
    expect(readBool({ 'boot.autostart': 'On' }, 'boot.autostart')).toBe(true);
    expect(readBool({ 'security.nesting': '' }, 'security.nesting')).toBe(false);
  });

  it('cut prefixes off', () => {
    expect(readPrefix({ 'environment.A': '1', 'user.x': '2' }, 'environment.*')).toEqual({
      A: '1',
    });
  });
});
