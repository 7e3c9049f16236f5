import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, expect } from 'vitest';

import type { InstanceState } from '../../src/contract/api/instances.ts';
import { catalogue } from '../../src/contract/errors.ts';
import { readRlimits } from '../../src/sys/proc/rlimits.ts';
import { provideImage } from '../helpers/images.ts';
import { needs } from '../helpers/needs.ts';
import { openWarren, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');
const testOfPages = needs('userns', 'overlay', 'crun', 'cgroup', 'hugepages');

let warren: Warren;
beforeAll(async () => {
  warren = openWarren();
  await warren.ok(['init', 'busybox', 'a']);
  const limits = ['limits.kernel.nofile=100:200', 'limits.kernel.core=0:unlimited'];
  await warren.ok(['config', 'set', 'a', ...limits]);
  await warren.ok(['start', 'a']);
});
afterAll(async () => {
  await warren[Symbol.asyncDispose]();
});

/** Lines of /proc/PID/limits inside. */
const limitsOf = async (pid: string): Promise<string> =>
  await warren.ok(['exec', 'a', '--', 'grep', '-E', 'open files|core file', `/proc/${pid}/limits`]);

const held = async (): Promise<unknown> =>
  (await warren.json<{ state: InstanceState }>(['info', 'a'])).state.warren?.limits;

const refused = async (...args: readonly string[]): Promise<string> => {
  const { exitCode, stderr } = await warren.run(args);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: catalogue.limit_unenforceable.exit });
  return stderr;
};

test('resource limits hold for init and for what enters the machine, of every daemon', async () => {
  const expectHeld = async (pid: string): Promise<void> => {
    const text = await limitsOf(pid);
    expect(text).toMatch(/open files +100 +200/);
    expect(text).toMatch(/core file size +0 +unlimited/);
  };
  await expectHeld('1');
  await expectHeld('self');
  await warren.ok(['daemon', 'restart']);
  await expectHeld('self');
  expect(await warren.ok(['info', 'a'])).toMatch(/core 0:unlimited {3}nofile 100:200/);
});

test('a resource limit above what the user may have is refused with what an administrator does', async () => {
  const most = readRlimits('self')['nofile']?.hard ?? Infinity;
  await warren.ok(['init', 'busybox', 'greedy', '-c', `limits.kernel.nofile=${most + 1}`]);
  const stderr = await refused('start', 'greedy');
  expect(stderr).toContain(`may have nofile of ${most} at most`);
  expect(stderr).toContain(`hard nofile ${most + 1}' | sudo tee -a /etc/security/limits.d`);
});

test('programs find as many processors as limits.cpu says: what runs, what enters, after a restart', async ({
  skip,
}) => {
  const all = availableParallelism();
  if (all < 2) skip('this host has one processor');
  const found = async (): Promise<string> =>
    await warren.ok([
      'exec',
      'a',
      '--',
      'sh',
      '-c',
      'nproc; grep Cpus_allowed_list /proc/1/status',
    ]);
  const one = /^1\nCpus_allowed_list:\t\d+\n$/;
  expect(await found()).toMatch(new RegExp(`^${all}\\n`));
  // Where the time of it cannot be held, a warning says so.
  await warren.ok(['config', 'set', 'a', 'warren.limits.missing=warn', 'limits.cpu=1']);
  expect(await found()).toMatch(one);
  await warren.ok(['restart', '--force', 'a']);
  expect(await found()).toMatch(one);
  await warren.ok(['config', 'unset', 'a', 'limits.cpu']);
  expect(await found()).toMatch(new RegExp(`^${all}\\n`));
});

test('rates of a disk hold, or are refused for want of a block device or of the controller', async () => {
  const share = ['config', 'device', 'add', 'a', 'fast', 'disk', 'source=/dev/shm', 'path=/fast'];
  expect(await refused(...share, 'limits.max=1MB')).toContain('/dev/shm lies on tmpfs');
  const override = ['config', 'device', 'override', 'a', 'root', 'limits.read=10MB'];
  const { exitCode, stderr } = await warren.run(override);
  if (exitCode === 0) {
    const line = expect.stringContaining('rbps=10000000 ') as unknown;
    expect(await held()).toMatchObject({ 'io.max': line });
    return;
  }
  expect(stderr).toContain('devices.root.limits.read=10MB: this host does not delegate the io');
  expect(stderr).toContain('warren doctor cgroup');
});

test('sysctls are those of the machine’s own namespaces, and shown as the kernel has them', async () => {
  const wanted = {
    'linux.sysctl.net.core.somaxconn': '512',
    'linux.sysctl.net.ipv4.ip_local_port_range': '20000 30000',
    'linux.sysctl.kernel.shmmni': '77',
    'linux.sysctl.fs.mqueue.msg_max': '20',
  };
  const all = { ...wanted, 'linux.sysctl.net.ipv4.route.flush': '1' };
  const keys = Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  await warren.ok(['launch', 'busybox', 'tuned', ...keys]);
  const { state } = await warren.json<{ state: InstanceState }>(['info', 'tuned']);
  expect(state.warren?.limits).toMatchObject(wanted);
  expect(await warren.ok(['info', 'tuned'])).toMatch(
    /kernel\.shmmni 77 .*net\.core\.somaxconn 512/s,
  );

  // This one can only be written, by anybody.
  expect(state.warren?.limits).toHaveProperty(['linux.sysctl.net.ipv4.route.flush'], null);

  // What waits for the next start is not what it has.
  await warren.ok(['config', 'set', 'tuned', 'linux.sysctl.net.core.somaxconn=513']);
  expect(await warren.ok(['info', 'tuned'])).toContain('net.core.somaxconn 512');
  await warren.ok(['delete', 'tuned', '--force']);
});

testOfPages(
  'a machine takes no more huge pages than it may, and what it may changes live',
  async ({ skip }) => {
    const numbers: Partial<Record<string, readonly [mmap: number, getrandom: number]>> = {
      x64: [9, 318],
      arm64: [222, 278],
    };
    const [mmap, getrandom] = numbers[process.arch] ?? skip(`no numbers for ${process.arch}`);
    await provideImage(warren, 'debian/12');
    await warren.ok(['init', 'debian/12', 'pages', '-c', 'limits.hugepages.2MB=4MiB']);
    const { exitCode, stderr } = await warren.run(['start', 'pages']);
    if (stderr.includes('hugetlb')) skip(stderr);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });

    // The kernel fills 8 MiB of such memory as far as there are pages for it (getrandom(2)).
    const script = `my $at = syscall(${mmap}, 0, 8 << 20, 3, 0x40022, -1, 0); print syscall(${getrandom}, $at, 8 << 20, 0)`;
    const taken = (): Promise<string> => warren.ok(['exec', 'pages', '--', 'perl', '-e', script]);
    expect(await taken()).toBe(String(4 << 20));
    await warren.ok(['config', 'set', 'pages', 'limits.hugepages.2MB=6MiB']);
    expect(await taken()).toBe(String(6 << 20));
    await warren.ok(['config', 'unset', 'pages', 'limits.hugepages.2MB']);
    expect(await taken()).toBe(String(8 << 20));
  },
);

test('huge pages go live, are read back, and shown', async ({ skip }) => {
  const result = await warren.run(['config', 'set', 'a', 'limits.hugepages.2MB=4MiB']);
  if (result.stderr.includes('hugetlb')) skip(result.stderr);
  expect(await held()).toMatchObject({ 'hugetlb.2MB.max': String(4 << 20) });
  expect(await warren.ok(['info', 'a'])).toContain('2MB pages 4 MiB');
  await warren.ok(['config', 'unset', 'a', 'limits.hugepages.2MB']);
  expect(await held()).not.toHaveProperty('hugetlb.2MB.max');
});
