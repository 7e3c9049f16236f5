import { expect, test } from 'vitest';

import { cgroupView } from '../../../src/host/cgroup-view.ts';
import { parseMountinfo } from '../../../src/sys/proc/mountinfo.ts';

const v1 = [
  '68 67 0:27 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
  '72 68 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory',
];
const beside = '78 68 0:37 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw';
const bound = '79 68 0:37 /warren-anna /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw';
const own = [
  '86 79 0:39 / /sys/fs/cgroup rw,relatime - tmpfs warren rw,mode=755,uid=1000,gid=1000',
  '87 86 0:37 /warren-anna/warren /sys/fs/cgroup rw,relatime - cgroup2 warren rw',
];
const alone = '30 22 0:27 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw';

test.each([
  ['v2 alone', [alone], 'unified'],
  ['v1 alone', v1, 'none'],
  ['v1 with v2 beside it', [...v1, beside], 'hybrid'],
  ['v2 bound over both', [...v1, beside, bound], 'unified'],
  ['what warren mounts over all of it', [...v1, beside, bound, ...own], 'own'],
  ['what warren mounts over v1 with v2 beside it', [...v1, beside, ...own], 'own'],
  ['v2 in an unusual place', ['30 22 0:27 / /mnt rw - cgroup2 none rw'], 'unified'],
  ['nothing', [], 'none'],
] as const)('%s is told apart', (_what, lines, view) => {
  expect(cgroupView(parseMountinfo(lines.join('\n')))).toBe(view);
});
