import { afterAll, beforeAll, expect, test } from 'vitest';

import { inTime, openHost, type EmulatedHost } from './host.ts';
import { busyLoop, expectNear, machinesOf, type Machines } from './machines.ts';

const limits = {
  'limits.memory': '64MiB',
  'limits.processes': '24',
  'limits.cpu.allowance': '20ms/100ms',
};

let host: EmulatedHost;
let machines: Machines;

beforeAll(async () => {
  host = await openHost();
  machines = machinesOf(host);
  await host.launch('tight', limits);
  await host.launch('beside');
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

test('limits stand in the cgroup of a machine, and hold when systemd writes it anew', async () => {
  const expectAll = async (memory: string): Promise<void> => {
    expect(await machines.read('tight', 'memory.max')).toBe(memory);
    expect(await machines.read('tight', 'pids.max')).toBe('24');
    expect(await machines.read('tight', 'cpu.max')).toBe('20000 100000');
  };
  await expectAll(String(64 * 1024 ** 2));
  await host.ok('systemctl --user daemon-reload');
  await expectAll(String(64 * 1024 ** 2));
  await machines.change('tight', { 'limits.memory': '48MiB' });
  await expectAll(String(48 * 1024 ** 2));
  await host.ok('systemctl --user daemon-reload');
  await expectAll(String(48 * 1024 ** 2));
});

test('what takes more memory is killed in its machine, and nothing else is', async () => {
  const before = await host.root('dmesg | grep -c "Memory cgroup out of memory" || true');
  expect(await host.exec('tight', 'dd if=/dev/zero of=/dev/null bs=100M count=1')).toBe(137);
  expect(await machines.count('tight', 'memory.events', 'oom_kill')).toBe(1);
  expect(await machines.count('beside', 'memory.events', 'oom_kill')).toBe(0);
  expect(Number(await host.root('dmesg | grep -c "Memory cgroup out of memory"'))).toBe(
    Number(before) + 1,
  );
  // Neither systemd nor warren ends a machine for one process of it.
  expect(await host.exec('tight', 'true')).toBe(0);
  expect(await host.exec('beside', 'dd if=/dev/zero of=/dev/null bs=100M count=1')).toBe(0);
});

test('what does not fit into memory goes to swap as far as it may', async () => {
  await host.root(
    'fallocate -l 256M /swap; chmod 0600 /swap; mkswap /swap >/dev/null; swapon /swap',
  );
  const hog = 'dd if=/dev/zero of=/dev/null bs=64M count=1';
  const swappedOut = async (): Promise<number> =>
    Number(await host.root("sed -n 's/^pswpout //p' /proc/vmstat"));
  await host.launch('paged', { 'limits.memory': '48MiB', 'limits.memory.swap': 'false' });
  expect(await machines.read('paged', 'memory.swap.max')).toBe('0');
  const before = await swappedOut();
  expect(await host.exec('paged', hog)).toBe(137);
  expect(await swappedOut()).toBe(before);
  await machines.change('paged', { 'limits.memory.swap': '64MiB' });
  expect(await machines.read('paged', 'memory.swap.max')).toBe(String(64 * 1024 ** 2));
  await machines.ok('paged', hog);
  expect(await swappedOut()).toBeGreaterThan(before);
  await machines.change('paged', { 'limits.memory.swap': '4MiB' });
  expect(await host.exec('paged', hog)).toBe(137);
});

test('huge pages are refused, since no systemd delegates them', async () => {
  await expect(machines.change('beside', { 'limits.hugepages.2MB': '4MiB' })).rejects.toMatchObject(
    {
      code: 'limit_unenforceable',
      message: expect.stringContaining('the hugetlb controller, and no systemd can') as unknown,
    },
  );
});

test('a busy loop gets what it is allowed, and what it is allowed next', async () => {
  const expectShare = async (wanted: number): Promise<void> => {
    const [found] = await machines.shares('tight');
    expectNear(found, wanted);
  };
  await machines.leave('tight', busyLoop);
  await expectShare(0.2);
  await machines.change('tight', { 'limits.cpu.allowance': '50ms/100ms' });
  expect(await machines.read('tight', 'cpu.max')).toBe('50000 100000');
  await expectShare(0.5);
});

test('a fork bomb ends at the number of processes', async () => {
  const bomb = 'bomb() { bomb | bomb & }; bomb';
  await machines.leave('tight', bomb);
  await inTime(async () => {
    expect(await machines.count('tight', 'pids.events', 'max')).toBeGreaterThan(0);
  });
  expect(Number(await machines.read('tight', 'pids.current'))).toBeLessThanOrEqual(24);
  expect(await host.exec('beside', 'true')).toBe(0);
});

test('a machine sees its own limits, and those that change', async () => {
  const expectTrue = (line: string): Promise<void> => machines.ok('beside', line);
  const expectMemory = (kib: number): Promise<void> =>
    expectTrue(`grep -qx "MemTotal: *${kib} kB" /proc/meminfo`);
  await machines.change('beside', { 'limits.memory': '96MiB', 'limits.cpu': '1' });
  await expectMemory(96 * 1024);
  await expectTrue('[ "$(nproc)" = 1 ]');
  // What runs already, too.
  const allowed = 'sed -n "s/^Cpus_allowed_list:[[:space:]]*//p" /proc/1/status';
  await expectTrue(`case "$(${allowed})" in 0 | 1) ;; *) exit 1 ;; esac`);
  const up = Number((await host.root('cat /proc/uptime')).split('.')[0]);
  await expectTrue(`[ "$(cut -d. -f1 /proc/uptime)" -lt ${up - 10} ]`);
  await machines.change('beside', { 'limits.memory': '128MiB', 'limits.cpu': '' });
  await expectMemory(128 * 1024);
  await expectTrue('[ "$(nproc)" = 2 ]');
});

test('a machine sees its limits again after lxcfs has died', async () => {
  await host.root('systemctl kill --kill-who=main --signal=KILL lxcfs');
  await inTime(() => machines.ok('beside', `grep -qx "MemTotal: *${128 * 1024} kB" /proc/meminfo`));
});
