import {
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { hostPath } from '../../../../src/base/brand.ts';
import { WarrenError } from '../../../../src/contract/errors.ts';
import { layGround, slice, type Ground } from './ground.ts';

let ground: Ground;
let canary: string;

beforeAll(async () => {
  ground = await layGround();
  // Owned by the machine's root: only confinement keeps a guest from it, not its mode.
  canary = `${ground.dir}/canary`;
  mkdirSync(canary);
  for (const name of ['file', 'null', 'console', 'ptmx', 'boot_id']) {
    writeFileSync(`${canary}/${name}`, 'untouched');
    lchownSync(`${canary}/${name}`, slice.start, slice.start);
  }
  lchownSync(canary, slice.start, slice.start);
});

afterAll(async () => {
  await ground[Symbol.asyncDispose]();
});

/** Everything about the canary that a stray mount, write, chmod, chown or mkdir would change. */
function lookAt(path: string): unknown {
  const { mode, uid, gid, size, mtimeMs, ctimeMs, dev } = lstatSync(path);
  const entries = lstatSync(path).isDirectory()
    ? readdirSync(path).map((name) => [name, lookAt(`${path}/${name}`)])
    : readFileSync(path, 'utf8');
  return { mode, uid, gid, size, mtimeMs, ctimeMs, dev, entries };
}

describe('a root file system that is full of links', () => {
  const places: readonly (readonly [string, string])[] = [
    ['dev', ''],
    ['dev', '/file'],
    ['proc', ''],
    ['sys', ''],
    ['run', ''],
    ['dev/null', '/null'],
    ['dev/console', '/console'],
    ['dev/ptmx', '/ptmx'],
    ['dev/pts', ''],
    ['dev/shm', ''],
    ['run/host', ''],
    ['run/lock', ''],
    ['sys/fs/cgroup', ''],
    ['proc/sys/kernel/random', ''],
    ['data', ''],
  ];
  const ways = ['absolute', 'relative', 'through /proc/self/root', 'through /proc/1/root'] as const;
  const cases = places.flatMap(([place, target]) =>
    // The magic links matter where the runtime itself mounts or opens first.
    ways
      .filter((way) => !way.startsWith('through') || place === 'dev' || place === 'proc')
      .map((way) => [place, target, way] as const),
  );

  it.each(cases)(
    'with /%s → canary%s (%s) cannot lead a mount, node or write outside',
    async (place, target, way) => {
      const name = 'links';
      const root = ground.makeRoot(name);
      const path = `${root}/${place}`;
      mkdirSync(path.replace(/\/[^/]*$/, ''), { recursive: true });
      rmSync(path, { recursive: true, force: true });
      const up = '../'.repeat(12);
      const to = {
        absolute: `${canary}${target}`,
        relative: `${up}${canary.slice(1)}${target}`,
        'through /proc/self/root': `/proc/self/root${canary}${target}`,
        'through /proc/1/root': `/proc/1/root${canary}${target}`,
      }[way];
      symlinkSync(to, path);
      lchownSync(path, slice.start, slice.start);
      const before = lookAt(canary);
      const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
      const source = `${ground.dir}/source`;
      mkdirSync(source, { recursive: true });
      const bind = { source: hostPath(source), target: '/data', readonly: false };
      try {
        const { init } = await ground.run(name, {
          root,
          mounts: [{ ...bind, recursive: false, kind: 'directory' }],
        });
        expect(readlinkSync(`/proc/${init.pid}/root`)).toBe('/');
        // Where it starts it works, and what it does stays inside.
        const { status, stderr } = await ground.exec(name, [
          ...['sh', '-c'],
          `echo spoiled >/data/x; echo spoiled >/run/x; echo spoiled >/dev/shm/x; echo x >${canary}/file; true`,
        ]);
        expect([0, 126, 127], `${status}: ${stderr}`).toContain(status);
      } catch (error) {
        // Refused is as good, in a sentence and with nothing left.
        expect(error).toBeInstanceOf(WarrenError);
      } finally {
        await ground.runtime.delete(name);
        rmSync(root, { recursive: true });
      }
      expect(lookAt(canary)).toEqual(before);
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).toBe(mounts);
      expect(await ground.runtime.list()).toEqual([]);
    },
  );
});

describe('a machine', () => {
  it('sees only its own cgroup and cannot write beyond it', async () => {
    await ground.run('cg');
    const { stdout } = await ground.exec('cg', ['sh', '-c', 'cat /proc/self/cgroup']);
    expect(stdout).toMatch(/^0::\/$/m);
    const inside = `
      mkdir /sys/fs/cgroup/own && echo made
      for f in cgroup.max.descendants cgroup.max.depth cgroup.freeze memory.max pids.max; do
        [ ! -e /sys/fs/cgroup/$f ] || { echo 1 > /sys/fs/cgroup/$f; } 2>/dev/null && [ -w /sys/fs/cgroup/$f ] && echo wrote $f
        chown 0:0 /sys/fs/cgroup/$f 2>/dev/null && echo owned $f
        chmod 666 /sys/fs/cgroup/$f 2>/dev/null && echo opened $f
      done
      mkdir /tmp/cg && mount -t cgroup2 cgroup2 /tmp/cg && ls -d /tmp/cg/own && ls -d /tmp/cg/machines
      # A hybrid host lets its v1 hierarchies be mounted; they belong to nobody in here.
      mkdir /tmp/v1 && mount -t cgroup -o memory none /tmp/v1 2>/dev/null
      for f in $(find /tmp/v1 -type f); do { echo 1 > $f; } 2>/dev/null && echo wrote $f; done
      true`;
    const said = await ground.exec('cg', ['sh', '-c', inside]);
    expect(said.stdout.trim().split('\n')).toEqual(['made', '/tmp/cg/own']);
  });

  it('cannot see or change its bundle, the console socket or the runtime directory', async () => {
    await ground.run('hides');
    const { stdout } = await ground.exec('hides', ['ls', '/run/host']);
    expect(stdout.trim().split('\n')).toEqual(['boot_id', 'container-manager']);
    const write = await ground.exec('hides', ['sh', '-c', 'touch /run/host/x || umount /run/host']);
    expect(write.stderr).toContain('Read-only file system');
    const { mode } = lstatSync(`${ground.paths.mountDir}/bundles/hides`);
    expect(mode & 0o777).toBe(0o700);
  });

  it('runs under the deny-list: a listed call is unknown to it', async () => {
    await ground.run('calls');
    // ENOSYS, in busybox's words; without the filter it is EPERM.
    const { stderr } = await ground.exec('calls', ['insmod', '/etc/passwd']);
    expect(stderr).toContain('kernel does not support requested operation');
    const flags = await ground.exec('calls', ['grep', 'Seccomp_filters', '/proc/1/status']);
    expect(flags.stdout).toBe('Seccomp_filters:\t1\n');
  });
});
