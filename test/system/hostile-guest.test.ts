import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { leftovers, type Leftovers } from '../helpers/leftovers.ts';
import { needs } from '../helpers/needs.ts';
import { openWarren, type CommandResult, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');

/**
 * Enters by relative steps of 3,014 bytes each: the whole is beyond what any call takes at once.
 */
const makeDeepPath = `
  cd /root/tree
  name=$(printf %0200d 0)
  step=$name
  for level in $(seq 14); do step=$step/$name; done
  for part in $(seq 4); do mkdir -p $step && cd -P $step || exit 1; done
  touch bottom
  pwd | wc -c`;

/** A thousand files of a thousand names each. */
const makeMillionNames = `
  mkdir -p /many/0
  cd /many/0
  seq 1000 | xargs touch
  for copy in $(seq 999); do mkdir /many/$copy && ln /many/0/* /many/$copy || exit 1; done`;

describe('a guest that means harm', () => {
  let warren: Warren;
  let before: Leftovers;
  /** Of the user, and none of the guest's business. */
  let secret: string;
  /** Where files are pulled to. */
  let target: string;

  beforeAll(async () => {
    warren = openWarren();
    await warren.ok(['list']);
    before = leftovers(warren);
    target = mkdtempSync(join(homedir(), 'out-'));
    secret = join(target, 'secret');
    writeFileSync(secret, 'not for guests');
    await warren.ok(['launch', 'busybox', 'bad']);
    await shell('mkdir /root/tree && echo kept > /root/tree/zz');
  });

  afterAll(async () => {
    rmSync(target, { recursive: true, force: true });
    await warren[Symbol.asyncDispose]();
  });

  const shell = (script: string): Promise<string> =>
    warren.ok(['exec', 'bad', '--', 'sh', '-c', script], { timeoutMs: 300_000 });
  /** To `out` below the target, or into it when it is there. */
  const pull = (path: string, ...options: string[]): Promise<CommandResult> =>
    warren.run(['file', 'pull', ...options, `bad${path}`, `${target}/out`], { timeoutMs: 30_000 });

  test('holds no copy up with a path of 12,000 bytes, a name that is no text, or a pipe', async () => {
    expect(Number(await shell(makeDeepPath))).toBeGreaterThan(12_000);
    await shell(`cd /root/tree && touch "$(printf '\\377\\376')" && mkfifo pipe`);
    const { exitCode, stderr } = await pull('/root/tree', '-r');
    expect(exitCode).toBe(3);
    for (const reason of ['too long for this host', 'not UTF-8', 'a device, socket or pipe']) {
      expect(stderr).toContain(reason);
    }
    expect(readFileSync(`${target}/out/zz`, 'utf8')).toBe('kept\n');
  });

  test('finds that its links lead nowhere when files are pulled and pushed', async () => {
    await shell(
      `cd /root && ln -s ${secret} link && ln -s / up && ln -s /proc/1/root magic && mkfifo pipe`,
    );
    // The link itself comes, as the link it is.
    expect((await pull('/root/link')).exitCode).toBe(0);
    expect(lstatSync(`${target}/out/link`).isSymbolicLink()).toBe(true);
    rmSync(`${target}/out`, { recursive: true });
    for (const path of [`up${secret}`, `up/../../../../..${secret}`, `magic${secret}`, 'pipe']) {
      const { exitCode } = await pull(`/root/${path}`);
      expect(exitCode, path).toBeGreaterThan(0);
      expect(existsSync(`${target}/out`), path).toBe(false);
    }
    const mine = join(target, 'mine');
    writeFileSync(mine, 'pushed');
    await warren.run(['file', 'push', mine, 'bad/root/link']);
    await warren.run(['file', 'push', mine, `bad/root/magic${secret}`]);
    expect(readFileSync(secret, 'utf8')).toBe('not for guests');
  });

  test('cannot see or use what belongs to its user', async () => {
    expect(await shell('cat /proc/self/uid_map')).not.toMatch(/^\s*0\s+0\s/);
    for (const attempt of [
      'mknod /root/disk b 8 0 && cat /root/disk',
      'echo x > /proc/sys/kernel/core_pattern',
      'echo 1 > /proc/sys/kernel/panic',
      'echo b > /proc/sysrq-trigger',
      'mount -t cgroup none /mnt',
      'mount -t debugfs none /mnt',
      'mount -t ext4 /dev/sda /mnt',
      'mount -o remount,rw,bind /run/host && touch /run/host/mine',
      `cat ${secret}`,
      `cat /proc/1/root${secret}`,
      'ls /sys/fs/cgroup/../.. | grep keeper',
      'test "$(ls /sys/fs/cgroup | grep -c keeper)" != 0',
    ]) {
      const { exitCode, stdout } = await warren.run(['exec', 'bad', '--', 'sh', '-c', attempt]);
      expect([attempt, exitCode === 0, stdout]).toEqual([attempt, false, '']);
    }
    expect(await shell('ls /proc/self/fd')).toBe('0\n1\n2\n3\n');
  });

  test('has a machine that is listed, copied and deleted with a sparse terabyte in it', async () => {
    await shell('truncate -s 1099511627776 /root/sparse');
    expect(await warren.json<unknown[]>(['list'])).toHaveLength(1);
    await warren.ok(['stop', '--force', 'bad']);
    await warren.ok(['copy', 'bad', 'copy']);
    expect(await warren.json<unknown[]>(['list'])).toHaveLength(2);
    await warren.ok(['delete', 'bad', 'copy']);
    expect(leftovers(warren)).toEqual(before);
  });

  test(
    'has a machine that is listed and deleted with a million names in it',
    { timeout: 600_000 },
    async () => {
      await warren.ok(['launch', 'busybox', 'bad']);
      await shell(makeMillionNames);
      expect(await warren.json<unknown[]>(['list'])).toHaveLength(1);
      await warren.ok(['delete', '--force', 'bad'], { timeoutMs: 300_000 });
      expect(leftovers(warren)).toEqual(before);
      expect(readdirSync(join(warren.dir, 'instances'))).toEqual([]);
    },
  );
});
