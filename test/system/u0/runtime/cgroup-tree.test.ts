import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { claimPart } from '../../../../src/host/cgroup.ts';
import { removeDeadParts } from '../../../../src/runtime/cgroup/dead-parts.ts';
import { mount, unmount } from '../../../../src/sys/kernel/mount.ts';
import { execSpec, layGround, text, type Ground } from './ground.ts';

let ground: Ground;

beforeAll(async () => {
  ground = await layGround();
});

afterAll(async () => {
  await ground[Symbol.asyncDispose]();
});

/**
 * Nests cgroups, step by step, until their path is twice as long as any call may be given. Their
 * names begin with `byte` as printf has it. Says how many there are.
 */
const nest = (byte: string): string => `
  name=$(printf '${byte}%0199d' 0) made=0
  while [ $made -lt 40 ] && mkdir "$name" 2>/dev/null; do
    cd -P "$name" 2>/dev/null
    made=$((made + 1))
  done
  echo made $made`;

describe('a guest that nests cgroups deeper than a path can be long', () => {
  it('is held to a depth and a number of them, by files that are not its own', async () => {
    await ground.run('deep');
    const script = `cd /sys/fs/cgroup && cat cgroup.max.depth cgroup.max.descendants && ${nest('0')}`;
    const { stdout } = await ground.exec('deep', ['sh', '-c', script]);
    expect(stdout).toBe('32\n10000\nmade 32\n');
    const raise = await ground.exec('deep', [
      'sh',
      '-c',
      'echo max >/sys/fs/cgroup/cgroup.max.depth',
    ]);
    expect(raise.stderr).toContain('Permission denied');
  });

  it('has its commands killed as any other', async () => {
    const command = ['sh', '-c', 'sleep 8899 & echo ready; sleep 8899'];
    const session = await ground.runtime.exec('deep', execSpec(command));
    const { stdio } = session;
    if (stdio.kind !== 'pipes') throw new Error('not with pipes');
    await new Promise((resolve) => stdio.stdout.once('data', resolve));
    session.kill();
    expect(await session.exited).toBe(137);
    // Its output ends when the last one that could write to it has.
    expect(await text(stdio.stdout)).toBe('');
  });

  it('is measured and removed as any other', async () => {
    expect((await ground.runtime.usage('deep'))?.processes).toBeGreaterThan(0);
    await ground.runtime.delete('deep');
    expect(existsSync('/sys/fs/cgroup/machines/deep')).toBe(false);
  });
});

describe('parts of U0s that were killed whole', () => {
  const parts = '/sys/fs/cgroup/parts';
  const deepPart = (name: string): void => {
    mkdirSync(`${parts}/${name}/machines/m`, { recursive: true });
    const cwd = `${parts}/${name}/machines/m`;
    // No text in UTF-8: a name is bytes.
    const command = ['sh', '-c', nest('\\377')];
    expect(execFileSync('/bin/busybox', command, { cwd, encoding: 'utf8' })).toBe('made 40\n');
  };

  afterEach(() => {
    execFileSync('find', [parts, '-depth', '-type', 'd', '-delete']);
  });

  it('are removed, however deep, also when one cannot be', async () => {
    mkdirSync(`${parts}/warren/stuck`, { recursive: true });
    deepPart('warren-1');
    mkdirSync(`${parts}/warren-2/machines`, { recursive: true });
    mkdirSync(`${parts}/warren-3`);
    const failures: string[] = [];
    mount({ source: 'warren', target: `${parts}/warren/stuck`, type: 'tmpfs', flags: 0 });
    try {
      await removeDeadParts(`${parts}/warren-3`, (error, directory) => {
        failures.push(`${directory} ${(error as NodeJS.ErrnoException).code ?? ''}`);
      });
    } finally {
      unmount(`${parts}/warren/stuck`);
    }
    expect(failures).toEqual([`${parts}/warren EBUSY`]);
    const left = readdirSync(parts, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(left.map(({ name }) => name).sort()).toEqual(['warren', 'warren-3']);
  });

  it('are taken for a new one, however deep', () => {
    deepPart('warren');
    expect(claimPart(parts)).toEqual({ directory: `${parts}/warren` });
    expect(existsSync(`${parts}/warren/machines`)).toBe(false);
  });
});
