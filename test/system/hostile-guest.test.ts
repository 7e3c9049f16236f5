import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { openWarren, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');

describe('a guest that means harm', () => {
  let warren: Warren;

  beforeAll(async () => {
    warren = openWarren();
    await warren.ok(['launch', 'busybox', 'bad']);
  });

  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  const shell = (script: string): Promise<string> =>
    warren.ok(['exec', 'bad', '--', 'sh', '-c', script], { timeoutMs: 180_000 });

  test('a path of 12,000 bytes, a non-UTF-8 name and a sparse terabyte hold nothing up', async () => {
    await shell(
      'cd /root; name=$(printf "%0200d" 0); i=0; while [ $i -lt 60 ]; do mkdir $name && cd $name || exit 1; i=$((i+1)); done',
    );
    await shell('touch "/root/$(printf "\\377\\376name")"');
    await shell('truncate -s 1T /root/sparse; echo small > /root/small');
    expect(await warren.json<unknown[]>(['list'])).toHaveLength(1);
    const target = mkdtempSync(join(homedir(), 'out-'));
    await warren.ok(['file', 'pull', 'bad/root/small', `${target}/small`]);
    expect(readdirSync(target)).toEqual(['small']);
  });

  test('a million files do not keep its machine from being listed and deleted', async () => {
    await warren.ok(['launch', 'busybox', 'many']);
    // busybox has no faster way to a million inodes than links to one file, and directories.
    await warren.ok(
      [
        ...['exec', 'many', '--', 'sh', '-c'],
        'mkdir /f; cd /f; seq 1 1000 | xargs mkdir; touch one; for d in $(seq 1 1000); do (cd $d; seq 1 1000 | xargs touch); done',
      ],
      { timeoutMs: 170_000 },
    );
    expect(await warren.json<unknown[]>(['list'])).toHaveLength(2);
    const { exitCode } = await warren.run(['delete', '--force', 'many'], { timeoutMs: 120_000 });
    expect(exitCode).toBe(0);
  });

  test('links to outside lead nowhere when files are pulled and pushed', async () => {
    const secret = join(homedir(), 'secret');
    writeFileSync(secret, 'not for guests');
    await shell(
      `ln -s ${secret} /root/link; ln -s / /root/up; ln -s /proc/1/root /root/magic; mkfifo /root/fifo`,
    );
    const target = mkdtempSync(join(homedir(), 'out-'));
    for (const path of [`link`, `up${secret}`, `up/../../../../..${secret}`, `magic${secret}`]) {
      const { exitCode, stdout } = await warren.run([
        ...['file', 'pull', `bad/root/${path}`, `${target}/stolen`],
      ]);
      expect(exitCode, path).not.toBe(0);
      expect(stdout).not.toContain('not for guests');
    }
    // A fifo without a writer would hold whoever opens it.
    expect(
      (await warren.run(['file', 'pull', 'bad/root/fifo', `${target}/f`], { timeoutMs: 10_000 }))
        .exitCode,
    ).toBeGreaterThan(0);
    await warren.run(['file', 'push', secret, `bad/root/link`]);
    expect(readdirSync(homedir())).toContain('secret');
  });

  test('it cannot see or use what belongs to its user', async () => {
    expect(await shell('cat /proc/self/uid_map')).not.toMatch(/^\s*0\s+0\s/);
    expect(
      await shell('mknod /root/sda b 8 0 2>/dev/null; cat /root/sda 2>&1 | head -c 10; true'),
    ).toMatch(/No such|ermitted|denied/);
    expect(await shell('echo 1 > /proc/sys/kernel/panic 2>/dev/null && echo written; true')).toBe(
      '',
    );
    expect(await shell('mount -t cgroup c /mnt 2>/dev/null && echo mounted; true')).toBe('');
    expect(await shell('ls /sys/fs/cgroup | grep -c keeper; true')).toBe('0\n');
  });

  test('it can be deleted with all of that inside', async () => {
    await warren.ok(['delete', '--force', 'bad']);
    expect(readdirSync(join(warren.dir, 'instances'))).toEqual([]);
  });
});
