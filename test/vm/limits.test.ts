import { afterAll, beforeAll, expect, test } from 'vitest';

import { apiPath } from '../../src/client/client.ts';
import { inTime, openHost, scopeOf, type EmulatedHost } from './host.ts';
import { expectLiveChanges, type LiveChange } from './live-changes.ts';
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

/** What would keep a processor busy beside the other tests. */
const stop = async (name: string): Promise<void> => {
  const path = apiPath('instances', name, 'state');
  await (await host.api()).operate('PUT', path, { action: 'stop', force: true });
};

test('limits stand in the cgroup of a machine, and hold when systemd writes it anew', async () => {
  const expectAll = async (memory: string): Promise<void> => {
    expect(await machines.read('tight', 'memory.max')).toBe(memory);
    expect(await machines.read('tight', 'pids.max')).toBe('24');
    expect(await machines.read('tight', 'cpu.max')).toBe('20000 100000');
  };
  await expectAll(String(64 * 1024 ** 2));
  const info = await host.ok('warren info tight');
  expect(info).toMatch(/memory [\d.]+ \w+ of 64 MiB/);
  expect(info).toMatch(/processes \d+ of 24/);
  expect(info).toContain('cpu time 20ms/100ms');
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
  // One that is enforced softly kills nobody: what is beyond it goes out as it comes in.
  await machines.change('paged', { 'limits.memory.enforce': 'soft', 'limits.memory.swap': '' });
  expect(await machines.read('paged', 'memory.max')).toBe('max');
  expect(await machines.read('paged', 'memory.high')).toBe(String(48 * 1024 ** 2));
  const killed = await machines.count('paged', 'memory.events', 'oom_kill');
  await machines.ok('paged', hog);
  expect(await machines.count('paged', 'memory.events', 'high')).toBeGreaterThan(0);
  expect(await machines.count('paged', 'memory.events', 'oom_kill')).toBe(killed);
});

test('memory in percent is a part of what the host has', async () => {
  await machines.change('beside', { 'limits.memory': '5%' });
  const kib = Number(await host.root("sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"));
  const held = Number(await machines.read('beside', 'memory.max'));
  expect(held).toBeLessThanOrEqual(kib * 1024 * 0.05);
  expect(held).toBeGreaterThan(kib * 1024 * 0.05 - 4097);
  await machines.change('beside', { 'limits.memory': '' });
});

test('limits of a machine that runs are in force within a second of a change', async () => {
  const at = (file: string): string => `${scopeOf('live')}/${file}`;
  const to = (key: string, value: string, file: string, line: string): LiveChange => ({
    title: `${key}=${value}`,
    body: { config: { [key]: value } },
    shown: [{ path: at(file), line }],
  });
  await host.launch('live', { 'limits.processes': '100' });
  await machines.leave('live', busyLoop);
  await machines.leave('live', 'awk "BEGIN { while (1) system(\\"sleep 0.1\\") }"');
  await expectLiveChanges(host, 'live', [
    {
      ...to('limits.cpu.allowance', '20ms/100ms', 'cpu.max', '20000 100000'),
      atMost: {
        ...{ path: at('cpu.stat'), pattern: '^usage_usec (\\d+)' },
        ...{ perSecond: 200_000, slack: 50_000 },
      },
    },
    to('limits.cpu.allowance', '', 'cpu.max', 'max 100000'),
    to('limits.cpu.priority', '3', 'cpu.weight', '93'),
    to('limits.cpu.priority', '', 'cpu.weight', '100'),
    {
      ...to('limits.processes', '1', 'pids.max', '1'),
      rises: { path: at('pids.events'), pattern: '^max (\\d+)' },
    },
    to('limits.processes', '100', 'pids.max', '100'),
  ]);
  await stop('live');
});

test('memory of a machine that runs is held within a second of a change', async () => {
  const at = (file: string): string => `${scopeOf('reads')}/${file}`;
  const bytes = (mebibytes: number): string => String(mebibytes * 1024 ** 2);
  const to = (key: string, value: string, ...shown: [string, string][]): LiveChange => ({
    title: `${key}=${value}`,
    body: { config: { [key]: value } },
    shown: shown.map(([file, line]) => ({ path: at(file), line })),
  });
  const rises = (event: string): Pick<LiveChange, 'rises'> => ({
    rises: { path: at('memory.events'), pattern: `^${event} (\\d+)` },
  });
  await host.launch('reads', { 'limits.memory': '128MiB', 'limits.memory.swap': 'false' });
  // A file that is read again and again is kept in memory as far as it may, and nobody is killed
  // for it.
  await machines.ok('reads', 'dd if=/dev/zero of=/data bs=1M count=64');
  await machines.leave('reads', 'while :; do cat /data >/dev/null; done');
  await expectLiveChanges(host, 'reads', [
    { ...to('limits.memory', '32MiB', ['memory.max', bytes(32)]), ...rises('max') },
    {
      ...to('limits.memory.enforce', 'soft', ['memory.max', 'max'], ['memory.high', bytes(32)]),
      ...rises('high'),
    },
    to('limits.memory', '128MiB', ['memory.max', 'max'], ['memory.high', bytes(128)]),
    to('limits.memory.enforce', 'hard', ['memory.max', bytes(128)], ['memory.high', 'max']),
    to('limits.memory.swap', '8MiB', ['memory.swap.max', bytes(8)]),
    to('limits.memory.swap', 'false', ['memory.swap.max', '0']),
  ]);
  expect(await machines.count('reads', 'memory.events', 'oom_kill')).toBe(0);
  await stop('reads');
});

test('resource limits hold what runs in a machine, in bytes of a file and in open files', async () => {
  await host.launch('files', { 'limits.kernel.fsize': '1048576', 'limits.kernel.nofile': '32' });
  // SIGXFSZ, or EFBIG where that is ignored.
  expect(await host.exec('files', 'dd if=/dev/zero of=/data bs=64k count=32')).not.toBe(0);
  await machines.ok('files', '[ "$(stat -c %s /data)" = 1048576 ]');
  const open = (count: number): string =>
    `awk 'BEGIN { for (i = 1; i <= ${count}; i++) if ((getline line < ("/tmp/" i)) < 0) exit 1 }'`;
  await machines.ok('files', 'for i in $(seq 64); do echo line >/tmp/$i; done');
  await machines.ok('files', open(8));
  expect(await host.exec('files', open(64))).toBe(1);
  expect(await host.ok('warren info files')).toMatch(/ fsize 1048576[^]* nofile 32/);
  await stop('files');
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
  // Two loops, of one processor's time.
  await machines.leave('tight', busyLoop);
  await machines.change('tight', { 'limits.cpu.allowance': '', 'limits.cpu': '1' });
  expect(await machines.read('tight', 'cpu.max')).toBe('100000 100000');
  const [found] = await machines.shares('tight');
  expect(found).toBeGreaterThan(0.5);
  expect(found).toBeLessThan(1.1);
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
