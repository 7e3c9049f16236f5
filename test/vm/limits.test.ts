import { afterAll, beforeAll, expect, test } from 'vitest';

import { apiPath } from '../../src/client/client.ts';
import type { DoctorReport } from '../../src/contract/doctor.ts';
import { eventually } from '../helpers/warren.ts';
import { openHost, patienceMs, scopeOf, type EmulatedHost } from './host.ts';

const limits = {
  'limits.memory': '64MiB',
  'limits.processes': '24',
  'limits.cpu.allowance': '20ms/100ms',
};

let host: EmulatedHost;

beforeAll(async () => {
  host = await openHost();
  await host.launch('tight', limits);
  await host.launch('beside');
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

/** The first line of a file of a machine's cgroup. */
const read = async (name: string, file: string): Promise<string> =>
  (await host.root(`head -n 1 ${scopeOf(name)}/${file}`)).trim();

const counter = async (name: string, file: string, key: string): Promise<number> =>
  Number(await host.root(`sed -n 's/^${key} //p' ${scopeOf(name)}/${file}`));

const change = async (name: string, config: Readonly<Record<string, string>>): Promise<void> => {
  await (await host.api()).operate('PATCH', apiPath('instances', name), { config });
};

/** Processor time of a machine over a few seconds, as a part of one processor. */
const share = async (name: string): Promise<number> => {
  const sample = `cat /proc/uptime; sed -n 's/^usage_usec //p' ${scopeOf(name)}/cpu.stat`;
  const words = (await host.root(`${sample}; sleep 5; ${sample}`)).split(/\s+/).map(Number);
  const [from = 0, , usedFrom = 0, to = 0, , usedTo = 0] = words;
  return (usedTo - usedFrom) / 1e6 / (to - from);
};

/** Within a tenth. */
const expectShare = async (name: string, wanted: number): Promise<void> => {
  const found = await share(name);
  expect(found).toBeGreaterThan(wanted * 0.9);
  expect(found).toBeLessThan(wanted * 1.1);
};

test('limits stand in the cgroup of a machine, and hold when systemd writes it anew', async () => {
  const expectAll = async (memory: string): Promise<void> => {
    expect(await read('tight', 'memory.max')).toBe(memory);
    expect(await read('tight', 'pids.max')).toBe('24');
    expect(await read('tight', 'cpu.max')).toBe('20000 100000');
  };
  await expectAll(String(64 * 1024 ** 2));
  await host.ok('systemctl --user daemon-reload');
  await expectAll(String(64 * 1024 ** 2));
  await change('tight', { 'limits.memory': '48MiB' });
  await expectAll(String(48 * 1024 ** 2));
  await host.ok('systemctl --user daemon-reload');
  await expectAll(String(48 * 1024 ** 2));
});

test('what takes more memory is killed in its machine, and nothing else is', async () => {
  const before = await host.root('dmesg | grep -c "Memory cgroup out of memory" || true');
  expect(await host.exec('tight', 'dd if=/dev/zero of=/dev/null bs=100M count=1')).toBe(137);
  expect(await counter('tight', 'memory.events', 'oom_kill')).toBe(1);
  expect(await counter('beside', 'memory.events', 'oom_kill')).toBe(0);
  expect(Number(await host.root('dmesg | grep -c "Memory cgroup out of memory"'))).toBe(
    Number(before) + 1,
  );
  // Neither systemd nor warren ends a machine for one process of it.
  expect(await host.exec('tight', 'true')).toBe(0);
  expect(await host.exec('beside', 'dd if=/dev/zero of=/dev/null bs=100M count=1')).toBe(0);
});

test('a busy loop gets what it is allowed, and what it is allowed next', async () => {
  await host.exec('tight', 'setsid sh -c "while :; do :; done" </dev/null >/dev/null 2>&1 &');
  await expectShare('tight', 0.2);
  await change('tight', { 'limits.cpu.allowance': '50ms/100ms' });
  expect(await read('tight', 'cpu.max')).toBe('50000 100000');
  await expectShare('tight', 0.5);
});

test('a fork bomb ends at the number of processes', async () => {
  const bomb = 'bomb() { bomb | bomb & }; bomb';
  await host.exec('tight', `setsid sh -c '${bomb}' </dev/null >/dev/null 2>&1 &`);
  await eventually(async () => {
    expect(await counter('tight', 'pids.events', 'max')).toBeGreaterThan(0);
  }, patienceMs);
  expect(Number(await read('tight', 'pids.current'))).toBeLessThanOrEqual(24);
  expect(await host.exec('beside', 'true')).toBe(0);
});

test('a machine sees its own limits, and those that change', async () => {
  const expectTrue = async (line: string): Promise<void> => {
    expect(await host.exec('beside', line), line).toBe(0);
  };
  const expectMemory = (kib: number): Promise<void> =>
    expectTrue(`grep -qx "MemTotal: *${kib} kB" /proc/meminfo`);
  await change('beside', { 'limits.memory': '96MiB', 'limits.cpu': '1' });
  await expectMemory(96 * 1024);
  await expectTrue('[ "$(nproc)" = 1 ]');
  // What runs already, too.
  const allowed = 'sed -n "s/^Cpus_allowed_list:[[:space:]]*//p" /proc/1/status';
  await expectTrue(`case "$(${allowed})" in 0 | 1) ;; *) exit 1 ;; esac`);
  const up = Number((await host.root('cat /proc/uptime')).split('.')[0]);
  await expectTrue(`[ "$(cut -d. -f1 /proc/uptime)" -lt ${up - 10} ]`);
  await change('beside', { 'limits.memory': '128MiB', 'limits.cpu': '' });
  await expectMemory(128 * 1024);
  await expectTrue('[ "$(nproc)" = 2 ]');
});

test('what is not delegated is refused, until an administrator does what doctor says', async () => {
  await expect(change('beside', { 'limits.cpu': '0-0' })).rejects.toMatchObject({
    code: 'limit_unenforceable',
    message: expect.stringContaining('does not delegate the cpuset controller') as unknown,
  });
  const examine = async (): Promise<DoctorReport['checks'][number] | undefined> =>
    (JSON.parse(await host.ok('warren doctor cgroup --format json')) as DoctorReport).checks[0];
  const found = await examine();
  expect(found).toMatchObject({ level: 'warning' });
  expect(found?.summary).toContain('cpu memory pids are delegated');
  const lines = (found?.remedy ?? '').split('\n');
  const own = lines.findIndex((line) => line.startsWith('systemctl --user'));
  await host.root(lines.slice(0, own).join('\n').replaceAll('sudo ', ''));
  // The user's manager has not taken it up yet, and doctor knows.
  expect(await examine()).toMatchObject({ level: 'warning', remedy: lines.slice(own).join('\n') });
  await host.ok(lines.slice(own).join('\n'));
  expect(await examine()).toMatchObject({ level: 'ok' });
  await change('beside', { 'limits.cpu': '0-0' });
  expect(await read('beside', 'cpuset.cpus')).toBe('0');
  expect(await read('tight', 'cgroup.controllers')).toMatch(/cpuset.* io/);
  expect(await read('tight', 'memory.max')).toBe(String(48 * 1024 ** 2));
});
