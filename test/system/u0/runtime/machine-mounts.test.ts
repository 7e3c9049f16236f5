import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { hostPath } from '../../../../src/base/brand.ts';
import { planViews } from '../../../../src/runtime/lxcfs.ts';
import { readMountsOf } from '../../../../src/runtime/machine-mounts.ts';

/** Mounts a tmpfs into itself again and again, each time with all that is there, and stays. */
const script = `
  mount -t tmpfs none "$1" && cd "$1"
  i=0
  while [ $i -lt "$2" ]; do mkdir $i && mount --rbind . $i; i=$((i + 1)); done
  echo ready
  exec sleep 1000`;

const views = {
  device: '0:1',
  binds: [
    {
      ...{ source: hostPath('/var/lib/lxcfs/proc/meminfo'), target: '/proc/meminfo' },
      ...{ readonly: true, recursive: false, kind: 'file' as const },
    },
  ],
};

it.each([
  [4, { lacking: views.binds }],
  [15, { lacking: [] }],
])(
  'a guest that doubles its mounts %i times has what it sees of its limits looked after, up to a megabyte of them',
  async (times, wanted) => {
    const directory = mkdtempSync(join(tmpdir(), 'mounts-'));
    const words = ['--mount', '--propagation', 'private', 'sh', '-euc', script, 'sh'];
    const guest = spawn('unshare', [...words, directory, String(times)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(guest.stdout, 'data');
      const pid = guest.pid ?? 0;
      expect(readMountsOf(pid) === undefined).toBe(wanted.lacking.length === 0);
      expect(planViews(pid, views)).toEqual({ stale: [], ...wanted });
    } finally {
      guest.kill('SIGKILL');
      await once(guest, 'exit');
      rmdirSync(directory);
    }
  },
);

it('a process that has ended has no mounts', async () => {
  const child = spawn('true');
  await once(child, 'exit');
  expect(readMountsOf(child.pid ?? 0)).toBeUndefined();
});
