import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { hostPath } from '../../../../src/base/brand.ts';
import { withoutCgroups } from '../../../../src/runtime/cgroup/detect.ts';
import { layGround, type Ground } from './ground.ts';

const grounds: Ground[] = [];

async function lay(...args: Parameters<typeof layGround>): Promise<Ground> {
  const ground = await layGround(...args);
  grounds.push(ground);
  return ground;
}

let mounts: string;
let processes: Set<string>;

beforeEach(() => {
  mounts = '';
  processes = new Set(inits());
});

afterEach(async () => {
  for (const ground of grounds.splice(0)) {
    expect(ground.warnings).toEqual([]);
    await ground[Symbol.asyncDispose]();
  }
});

/** Children of ours in a pid namespace of their own: inits of machines, started or not. */
function inits(): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const ours = new RegExp(`^PPid:\\t${process.pid}$`, 'm').test(status);
      return ours && /^NSpid:\t\d+\t1$/m.test(status) && !/^State:\tZ/m.test(status);
    } catch {
      return false;
    }
  });
}

async function expectNothing(ground: Ground): Promise<void> {
  const { ociDir, mountDir } = ground.paths;
  expect(await ground.runtime.list()).toEqual([]);
  expect(readdirSync(ociDir)).toEqual([]);
  for (const kind of ['run', 'binds', 'bundles']) {
    expect(readdirSync(`${mountDir}/${kind}`)).toEqual([]);
  }
  expect(existsSync('/sys/fs/cgroup/machines/fails')).toBe(false);
  expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(mounts);
  await expect.poll(() => inits().filter((pid) => !processes.has(pid))).toEqual([]);
}

/** A runtime with crun's command line that does something else at `create`. */
function program(ground: string, atCreate: string): string {
  const path = `${ground}/runtime`;
  writeFileSync(
    path,
    `#!/bin/sh\ncase " $* " in *" create "*) ${atCreate} ;; *) exec crun "$@" ;; esac\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

describe('create leaves nothing when', () => {
  it.each([
    ['there is no such runtime', { program: 'no-such-runtime' }, 'is not installed'],
    ['the runtime sends no console', { atCreate: 'exit 0' }, 'sent no console'],
    ['the runtime fails at once', { atCreate: 'echo broken >&2; exit 1' }, 'broken'],
    [
      'the runtime fails after it made the machine',
      { atCreate: 'crun "$@"; exit 1' },
      'exited with 1',
    ],
    [
      'the runtime is killed after it made the machine',
      { atCreate: 'crun "$@"; kill -9 $$' },
      'SIGKILL',
    ],
  ])('%s', async (_, how, words) => {
    const { dir } = await lay();
    const ground = await lay({
      program: 'program' in how ? how.program : program(dir, how.atCreate),
    });
    const machine = ground.machine('fails');
    mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    const made = ground.runtime.create(machine, {});
    await expect(made).rejects.toMatchObject({ code: 'program_failed' });
    await expect(made).rejects.toThrow(words);
    await expectNothing(ground);
  });

  it.each([
    ['init is not there', { init: ['/sbin/nothing'] }, 'program_failed'],
    ['the root is not there', { root: hostPath('/nonexistent/root') }, 'program_failed'],
    ['a sysctl is the host’s', { sysctl: { 'vm.swappiness': '1' } }, 'program_failed'],
    [
      'a directory to mount is not there',
      {
        mounts: [
          {
            source: hostPath('/tmp'),
            target: '/a',
            readonly: false,
            recursive: true,
            kind: 'directory',
          },
          {
            source: hostPath('/nonexistent'),
            target: '/b',
            readonly: false,
            recursive: false,
            kind: 'directory',
          },
        ],
      },
      'host_lacks',
    ],
    [
      'a limit cannot be held',
      { limits: { memoryMaxBytes: 64 * 1024 * 1024 } },
      'limit_unenforceable',
    ],
  ] as const)('%s', async (_, change, code) => {
    const ground = await lay();
    const machine = ground.machine('fails', change);
    mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    await expect(ground.runtime.create(machine, {})).rejects.toMatchObject({ code });
    await expectNothing(ground);
  });

  it('it is cancelled, before or in the middle', async () => {
    const ground = await lay();
    const machine = ground.machine('fails');
    mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    for (const delayMs of [undefined, 0, 3, 10]) {
      const abort = new AbortController();
      if (delayMs === undefined) abort.abort();
      else
        setTimeout(() => {
          abort.abort();
        }, delayMs);
      const { signal } = abort;
      await expect(ground.runtime.create(machine, { signal })).rejects.toMatchObject({
        code: 'cancelled',
      });
      await expectNothing(ground);
    }
  });

  it('there is no cgroup, and the same goes for a machine that ran', async () => {
    const ground = await lay({ cgroup: withoutCgroups('for the test') });
    const machine = ground.machine('fails');
    mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    const bad = { ...machine, sysctl: { 'vm.swappiness': '1' } };
    await expect(ground.runtime.create(bad, {})).rejects.toMatchObject({ code: 'program_failed' });
    await expectNothing(ground);
    await ground.run('fails', machine);
    expect((await ground.exec('fails', ['hostname'])).stdout).toBe('fails\n');
    expect(await ground.runtime.usage('fails')).toBeUndefined();
    await expect(ground.runtime.freeze('fails', 100)).rejects.toMatchObject({
      code: 'unsupported',
    });
    await ground.runtime.delete('fails');
    await expectNothing(ground);
  });
});

describe('without cgroups', () => {
  it('a guest whose init is systemd is refused with the reason, by whatever links it is reached', async () => {
    const ground = await lay({ cgroup: withoutCgroups('nothing is delegated') });
    const root = ground.makeRoot('sd');
    mkdirSync(`${root}/lib/systemd`, { recursive: true });
    writeFileSync(`${root}/lib/systemd/systemd`, '');
    rmSync(`${root}/sbin/init`);
    symlinkSync('/lib/systemd/systemd', `${root}/sbin/init`);
    const made = ground.runtime.create(ground.machine('sd', { root }), {});
    await expect(made).rejects.toMatchObject({ code: 'unsupported' });
    await expect(made).rejects.toThrow('nothing is delegated');
  });
});
