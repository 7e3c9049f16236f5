import {
  chmodSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { hostPath } from '../../../../src/base/brand.ts';
import type { CgroupLimits } from '../../../../src/runtime/types.ts';
import { mount, unmount } from '../../../../src/sys/kernel/mount.ts';
import {
  closeFd,
  connectUnix,
  openUnixSocket,
  sendWithFds,
} from '../../../../src/sys/kernel/socket.ts';
import { layGround, slice, type Ground } from './ground.ts';

let ground: Ground;

beforeAll(async () => {
  ground = await layGround();
});

afterAll(async () => {
  await ground[Symbol.asyncDispose]();
});

function say(path: string, text: string, ...fds: number[]): void {
  const fd = openUnixSocket('dgram');
  try {
    connectUnix(fd, path);
    sendWithFds(fd, Buffer.from(text), fds);
  } finally {
    closeFd(fd);
  }
}

/** Waits while the queue is full. */
async function sayUntilSent(path: string, text: string, ...fds: number[]): Promise<void> {
  await expect
    .poll(() => {
      try {
        say(path, text, ...fds);
        return 'sent';
      } catch (error) {
        return String(error);
      }
    })
    .toBe('sent');
}

describe('a machine', () => {
  it('knows what contains it, who it is and where to say that it is up', async () => {
    const { init } = await ground.run('env', {
      environment: { GREETING: 'hello', container: 'x' },
    });
    // Empty while the exec that makes this process init is under way.
    const written = () => readFileSync(`/proc/${init.pid}/environ`, 'utf8');
    await expect.poll(written).not.toBe('');
    const environment = written().split('\0');
    expect(environment).toEqual(
      expect.arrayContaining([
        'container=lxc',
        'container_uuid=5b7a2c1e-0000-4000-8000-000000000001',
        'NOTIFY_SOCKET=/run/host/notify',
        'GREETING=hello',
      ]),
    );
    expect(environment.filter((entry) => entry.startsWith('container='))).toHaveLength(1);
    expect((await ground.exec('env', ['hostname'])).stdout).toBe('env\n');
    const { stdout } = await ground.exec('env', ['cat', '/proc/sys/kernel/random/boot_id']);
    const host = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    expect(stdout).toMatch(/^[0-9a-f-]{36}\n$/);
    expect(stdout).not.toBe(host);
  });

  it('has the mounts of a system, with /sys read-only and devices that work', async () => {
    await ground.run('mounts');
    const script = `
      touch /sys/x 2>&1
      for d in null zero full random urandom tty; do test -c /dev/$d && echo $d; done
      head -c 4 /dev/zero | wc -c; echo x >/dev/null
      test -c /dev/console && test -e /dev/ptmx && ls -d /dev/shm /dev/mqueue /run/lock
      touch /run/a /dev/shm/a /run/lock/a && echo writable`;
    const { stdout } = await ground.exec('mounts', ['sh', '-c', script]);
    expect(stdout.trim().split('\n')).toEqual([
      'touch: /sys/x: Read-only file system',
      ...['null', 'zero', 'full', 'random', 'urandom', 'tty'],
      '4',
      ...['/dev/mqueue', '/dev/shm', '/run/lock'],
      'writable',
    ]);
  });

  it('sees host directories below a home that its ids cannot pass, read-only when asked', async () => {
    const home = `${ground.dir}/home`;
    mkdirSync(`${home}/project/deep`, { recursive: true });
    chmodSync(home, 0o700);
    writeFileSync(`${home}/project/note`, 'from the host');
    writeFileSync(`${home}/file`, 'one file');
    lchownSync(`${home}/project`, slice.start, slice.start);
    // noexec is locked for the machine: a read-only remount must keep it.
    mount({ source: 't', target: `${home}/project/deep`, type: 'tmpfs', flags: 0x8 });
    const source = hostPath(`${home}/project`);
    await ground.run('binds', {
      mounts: [
        { source, target: '/srv/rw', readonly: false, recursive: false, kind: 'directory' },
        { source, target: '/srv/ro', readonly: true, recursive: true, kind: 'directory' },
        {
          source: hostPath(`${home}/project/deep`),
          target: '/srv/locked',
          readonly: true,
          recursive: false,
          kind: 'directory',
        },
        {
          source: hostPath(`${home}/file`),
          target: '/etc/new/file',
          readonly: true,
          recursive: false,
          kind: 'file',
        },
      ],
    });
    unmount(`${home}/project/deep`);
    const script = `
      cat /srv/rw/note /etc/new/file; echo
      echo x >/srv/rw/made && echo written
      touch /srv/ro/x /srv/ro/deep/x /srv/locked/x /etc/new/file 2>&1`;
    const { stdout } = await ground.exec('binds', ['sh', '-c', script]);
    expect(stdout.trim().split('\n')).toEqual([
      'from the hostone file',
      'written',
      'touch: /srv/ro/x: Read-only file system',
      'touch: /srv/ro/deep/x: Read-only file system',
      'touch: /srv/locked/x: Read-only file system',
      'touch: /etc/new/file: Read-only file system',
    ]);
    expect(readFileSync(`${home}/project/made`, 'utf8')).toBe('x\n');
    await ground.runtime.delete('binds');
    expect(readFileSync(`${home}/project/note`, 'utf8')).toBe('from the host');
  });

  it('holds the rlimits and sysctls it was given', async () => {
    await ground.run('limits', {
      rlimits: [
        { type: 'RLIMIT_NOFILE', soft: 100, hard: 200 },
        { type: 'core', soft: 0, hard: Infinity },
      ],
      sysctl: { 'net.ipv4.ip_unprivileged_port_start': '0' },
    });
    const { stdout } = await ground.exec('limits', [
      ...['sh', '-c'],
      'grep -E "open files|core file" /proc/1/limits; cat /proc/sys/net/ipv4/ip_unprivileged_port_start',
    ]);
    expect(stdout).toMatch(/open files +100 +200/);
    expect(stdout).toMatch(/core file size +0 +unlimited/);
    expect(stdout.trim().split('\n').pop()).toBe('0');
  });

  it('is not made with a sysctl that the kernel refuses, and says which', async () => {
    const problemOf = async (name: string, sysctl: Record<string, string>): Promise<string> => {
      const refused: unknown = await ground.run(name, { sysctl }).catch((e: unknown) => e);
      expect(await ground.runtime.list()).not.toContain(name);
      return (refused as Error).message;
    };
    expect(await problemOf('words', { 'net.core.somaxconn': 'many' })).toBe(
      'Cannot start words: config.linux.sysctl.net.core.somaxconn: the kernel refuses "many" (Invalid argument), wanted a value that it takes',
    );
    expect(await problemOf('absent', { 'net/core/no_such': '1' })).toMatch(
      /config\.linux\.sysctl\.net\/core\/no_such: the kernel refuses "1" \(No such file .*\), wanted a sysctl that this kernel gives to machines$/,
    );
  });

  it('under an allow-list can start and can do only what is on it', async () => {
    const seccomp = {
      denyDefault: true,
      deny: [],
      allow: ['wait4', 'nanosleep', 'clock_nanosleep', 'arch_prctl'],
    };
    const { init } = await ground.run('strict', { init: ['/bin/sleep', '1000'], seccomp });
    expect(ground.runtime.isAlive(init)).toBe(true);
    const { stderr, status } = await ground.exec('strict', ['mkdir', '/tmp/x']);
    expect(stderr).toBe("mkdir: can't create directory '/tmp/x': Function not implemented\n");
    expect(status).toBe(1);
  });

  it('says READY=1 through /run/host, to this daemon and to the next', async () => {
    const heard: string[] = [];
    const first = await ground.runtime.listenNotify('ready', () => heard.push('first'));
    await ground.run('ready');
    // The guest's view of the socket, as its root: /run/host is read-only, the socket is 0666.
    const { stdout } = await ground.exec('ready', ['ls', '-l', '/run/host/notify']);
    expect(stdout).toMatch(/^srw-rw-rw-/);
    const socket = `${ground.paths.mountDir}/run/ready/notify`;
    say(socket, 'STATUS=starting\nREADY=0');
    say(socket, 'MAINPID=1\nREADY=1\n');
    await expect.poll(() => heard).toEqual(['first']);
    first[Symbol.dispose]();
    using next = await ground.runtime.listenNotify('ready', () => heard.push('next'));
    expect(next).toBeDefined();
    expect((await ground.exec('ready', ['ls', '/run/host'])).stdout).toContain('notify');
    // Far more than the queue holds, with descriptors: none is kept, nobody is blocked.
    const fds = readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 200; i++) await sayUntilSent(socket, 'X=1', 0);
    await sayUntilSent(socket, 'READY=1', 0);
    await expect.poll(() => heard).toEqual(['first', 'next']);
    expect(readdirSync('/proc/self/fd')).toHaveLength(fds);
  });

  it('with nesting can make user, pid, mount and network namespaces with a /proc and /sys of their own', async () => {
    const nested = [
      ...['unshare', '-U', '-r', '-p', '-f', '-m', '-n', 'sh', '-c'],
      'mount -t proc proc /proc && mount -t sysfs -o ro sysfs /sys && mount -t tmpfs t /tmp && echo nested',
    ];
    await ground.run('nests', { nesting: true });
    expect(await ground.exec('nests', nested)).toEqual({
      status: 0,
      stdout: 'nested\n',
      stderr: '',
    });
    await ground.run('plain');
    expect((await ground.exec('plain', nested)).stderr).toContain('permission denied');
  });
});

describe('cgroupfs', () => {
  it('freezes and thaws, and tells what a machine uses', async () => {
    const { init } = await ground.run('cold');
    const session = await ground.exec('cold', ['sh', '-c', 'sleep 1000 >/dev/null 2>&1 & true']);
    expect(session.status).toBe(0);
    await ground.runtime.freeze('cold', 5000);
    const events = (): string => readFileSync('/sys/fs/cgroup/machines/cold/cgroup.events', 'utf8');
    expect(events()).toContain('frozen 1');
    await ground.runtime.thaw('cold');
    expect(events()).toContain('frozen 0');
    const usage = await ground.runtime.usage('cold');
    expect(usage?.processes).toBe(2);
    expect(usage?.memoryBytes).toBeGreaterThan(0);
    expect(usage?.cpuUsageNs).toBeGreaterThan(0);
    expect(ground.runtime.isAlive(init)).toBe(true);
  });

  it('refuses a limit whose controller is not there, by its config key', () => {
    const { runtime } = ground;
    expect(runtime.cgroup.driver).toBe('cgroupfs');
    const limits = { memoryMaxBytes: 1 << 20 };
    expect(() => {
      runtime.checkLimits('web', limits, { 'limits.memory': '1MiB' });
    }).toThrow('Cannot hold web to limits.memory=1MiB: this host does not delegate the memory');
    runtime.checkLimits('web', {}, {});
  });

  // hugetlb is the controller that a v1 and v2 hybrid offers; the virtual machine tests the others.
  it('holds limits against the machine, and lets them go live', async ({ skip }) => {
    const { runtime } = ground;
    if (!runtime.cgroup.controllers.includes('hugetlb')) skip(runtime.cgroup.why);
    const hugetlb = (bytes: number): CgroupLimits => ({ hugetlbMax: { '2MB': bytes } });
    await ground.run('held', { limits: hugetlb(4 << 20) });
    const file = '/sys/fs/cgroup/machines/held/hugetlb.2MB.max';
    expect(readFileSync(file, 'utf8').trim()).toBe(String(4 << 20));
    await runtime.applyLimits('held', hugetlb(2 << 20));
    const script = 'echo max >/sys/fs/cgroup/hugetlb.2MB.max; cat /sys/fs/cgroup/hugetlb.2MB.max';
    const { stdout, stderr } = await ground.exec('held', ['sh', '-c', script]);
    expect(stderr).toContain('Permission denied');
    expect(stdout.trim()).toBe(String(2 << 20));
    await runtime.applyLimits('held', {});
    expect(readFileSync(file, 'utf8').trim()).toBe('max');
  });

  it('lets no name through that is not a machine’s', async () => {
    await expect(ground.runtime.delete('../run')).rejects.toThrow('not an instance name');
    await expect(ground.runtime.start('-a')).rejects.toThrow('not an instance name');
  });
});

describe('a link on the way to a mount target', () => {
  const links = [
    ['that leads inside is followed inside', '/var', true],
    ['that leads outside is followed inside, and there is nothing', 'outside', false],
  ] as const;

  it.each(links)('%s', async (_, to, works) => {
    const root = ground.makeRoot(`target-${String(works)}`);
    const outside = `${ground.dir}/outside`;
    mkdirSync(outside, { recursive: true });
    symlinkSync(to === 'outside' ? outside : to, `${root}/srv`);
    const source = hostPath(`${ground.dir}/src`);
    mkdirSync(source, { recursive: true });
    const target = '/srv/deep/dir';
    const made = ground.run('target', {
      root,
      mounts: [{ source, target, readonly: false, recursive: false, kind: 'directory' }],
    });
    if (works) {
      await made;
      expect((await ground.exec('target', ['ls', '/var/deep'])).stdout).toBe('dir\n');
    } else {
      await expect(made).rejects.toMatchObject({ code: 'hostile' });
    }
    expect(readdirSync(outside)).toEqual([]);
    await ground.runtime.delete('target');
  });
});
