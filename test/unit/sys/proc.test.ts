import { describe, expect, it } from 'vitest';
import fc from 'fast-check';

import {
  findCgroupDirectory,
  parseCgroupPath,
  parseCgroupProcs,
} from '../../../src/sys/proc/cgroup.ts';
import { mapsRealRoot, parseIdMap, splitAlong } from '../../../src/sys/proc/idmap.ts';
import { isRunning, processIdentity, readProcessStatus } from '../../../src/sys/proc/identity.ts';
import { parseMountinfo, unescapeMount } from '../../../src/sys/proc/mountinfo.ts';
import { parseProcessStat } from '../../../src/sys/proc/stat.ts';
import { blocksSignal, parseProcessStatus } from '../../../src/sys/proc/status.ts';

const tail = 'S 17 4242 4242 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 987654 1000 2 3 4 5';

describe('/proc/PID/stat', () => {
  it('is read whatever the process calls itself', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 15 }), (comm) => {
        const stat = parseProcessStat(`4242 (${comm}) ${tail}\n`);
        expect(stat).toEqual({ pid: 4242, comm, state: 'S', parentPid: 17, startTime: 987654 });
      }),
    );
  });

  it('cannot be forged by a name that looks like the rest of the line', () => {
    const stat = parseProcessStat(`9 (x) Z 1 1 1 1) ${tail}`);
    expect(stat).toMatchObject({ pid: 9, state: 'S', startTime: 987654 });
  });

  it('refuses text that is no such line', () => {
    expect(() => parseProcessStat('')).toThrow('Not a line');
    expect(() => parseProcessStat('12 (short) S 1')).toThrow('Not a line');
  });
});

describe('/proc/PID/status', () => {
  it('tells blocked signals by number', () => {
    // systemd as pid 1 blocks SIGRTMIN+3 (37) among others.
    const status = parseProcessStatus(
      'Name:\tsystemd\nState:\tS (sleeping)\nPPid:\t1\nUid:\t1\t2\t3\t4\nSigBlk:\t0000001000000002\n',
    );
    expect(blocksSignal(status, 37)).toBe(true);
    expect(blocksSignal(status, 2)).toBe(true);
    expect(blocksSignal(status, 36)).toBe(false);
    expect(blocksSignal(status, 1)).toBe(false);
    expect(status).toMatchObject({ name: 'systemd', state: 'S', parentPid: 1, uids: [1, 2, 3, 4] });
  });

  it('is read of this very process', () => {
    expect(readProcessStatus(process.pid)).toMatchObject({ parentPid: process.ppid });
    expect(readProcessStatus(2 ** 22)).toBeUndefined();
  });
});

describe('a process identity', () => {
  it('matches the process and no other start time or boot', () => {
    const identity = processIdentity(process.pid);
    if (identity === undefined) throw new Error('this process is not in /proc');
    expect(isRunning(identity)).toBe(true);
    expect(isRunning({ ...identity, startTime: identity.startTime - 1 })).toBe(false);
    expect(isRunning({ ...identity, bootId: 'another boot' })).toBe(false);
  });
});

describe('mountinfo', () => {
  const text = [
    '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue',
    '40 30 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
    '62 46 0:37 /warren-anna /sys/fs/cgroup rw - cgroup2 cgroup2 rw',
    '63 46 0:38 / /srv/with\\040space\\134and\\012line rw - tmpfs tm\\043p rw',
    'nonsense',
  ].join('\n');

  it('is parsed with any number of propagation fields, and unescaped', () => {
    const [first, , , spaced] = parseMountinfo(text);
    expect(first).toEqual({
      mountId: 36,
      parentId: 35,
      device: '98:0',
      root: '/mnt1',
      mountPoint: '/mnt2',
      options: ['rw', 'noatime'],
      propagation: ['master:1', 'shared:7'],
      type: 'ext3',
      source: '/dev/root',
      superOptions: ['rw', 'errors=continue'],
    });
    expect(spaced).toMatchObject({ mountPoint: '/srv/with space\\and\nline', source: 'tm#p' });
    expect(parseMountinfo(text)).toHaveLength(4);
  });

  it('leaves text without escapes alone', () => {
    expect(unescapeMount('/plain/\\9/path')).toBe('/plain/\\9/path');
  });

  it('leads from a cgroup path to the directory by the nearest mounted ancestor', () => {
    const mounts = parseMountinfo(text);
    expect(findCgroupDirectory('/warren-anna/session-1', mounts)).toBe('/sys/fs/cgroup/session-1');
    expect(findCgroupDirectory('/warren-anna', mounts)).toBe('/sys/fs/cgroup');
    expect(findCgroupDirectory('/warren-annabel/x', mounts)).toBe(
      '/sys/fs/cgroup/unified/warren-annabel/x',
    );
    expect(findCgroupDirectory('/', mounts)).toBe('/sys/fs/cgroup/unified');
    expect(findCgroupDirectory('/../other', mounts)).toBeUndefined();
  });
});

describe('cgroup membership', () => {
  it('is the v2 line among those of v1 hierarchies', () => {
    expect(parseCgroupPath('4:memory:/a\n1:name=systemd:/b\n0::/user.slice/x:y\n')).toBe(
      '/user.slice/x:y',
    );
    expect(parseCgroupPath('0::/gone (deleted)\n')).toBe('/gone');
    expect(parseCgroupPath('4:memory:/a\n')).toBeUndefined();
  });

  it('leaves out processes of other pid namespaces', () => {
    expect(parseCgroupProcs('0\n12\n0\n7\n')).toEqual([12, 7]);
  });
});

describe('an id map', () => {
  it('tells real root from root in a user namespace', () => {
    expect(mapsRealRoot(parseIdMap('         0          0 4294967295\n'))).toBe(true);
    expect(mapsRealRoot(parseIdMap('0 1000 1\n1 100000 65536\n'))).toBe(false);
    expect(mapsRealRoot(parseIdMap(''))).toBe(false);
  });
});

describe('a map that the kernel looks up in one extent of the parent', () => {
  const parent = [
    { inside: 0, outside: 1000, count: 1 },
    { inside: 1, outside: 100_000, count: 10 },
    { inside: 11, outside: 300_000, count: 100 },
  ];

  it('is cut where an extent of the parent ends', () => {
    expect(splitAlong([{ inside: 0, outside: 1, count: 20 }], parent)).toEqual([
      { inside: 0, outside: 1, count: 10 },
      { inside: 10, outside: 11, count: 10 },
    ]);
  });

  it('stays whole within one, and loses what the parent does not map', () => {
    const whole = [{ inside: 5, outside: 20, count: 30 }];
    expect(splitAlong(whole, parent)).toEqual(whole);
    expect(splitAlong([{ inside: 0, outside: 105, count: 20 }], parent)).toEqual([
      { inside: 0, outside: 105, count: 6 },
    ]);
  });
});
