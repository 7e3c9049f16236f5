import { afterAll, beforeAll, expect, test } from 'vitest';

import type { DoctorReport } from '../../src/contract/doctor.ts';
import { openHost, type EmulatedHost } from './host.ts';
import { busyLoop, expectNear, machinesOf, type Machines } from './machines.ts';

let host: EmulatedHost;
let machines: Machines;

beforeAll(async () => {
  host = await openHost();
  machines = machinesOf(host);
  await host.launch('one', { 'limits.memory': '64MiB' });
  await host.launch('other');
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

/** The root disk of `one` with a rate. */
const rate = (key: 'limits.read' | 'limits.write', value: string): Promise<void> =>
  machines.change('one', {}, { root: { type: 'disk', path: '/', pool: 'default', [key]: value } });

const refusedFor = (controller: string): unknown => ({
  code: 'limit_unenforceable',
  message: expect.stringContaining(`does not delegate the ${controller} controller`) as unknown,
});

test('what is not delegated is refused, until an administrator does what doctor says', async () => {
  await expect(machines.change('one', { 'limits.cpu': '0-0' })).rejects.toMatchObject(
    refusedFor('cpuset') as object,
  );
  await expect(rate('limits.write', '1MiB')).rejects.toMatchObject(refusedFor('io') as object);
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
  expect(await machines.read('one', 'cgroup.controllers')).toMatch(/cpuset.* io/);
  expect(await machines.read('one', 'memory.max')).toBe(String(64 * 1024 ** 2));
});

test('a disk is read and written as fast as it may, and as it may next', async () => {
  /** Seconds that a mebibyte eight times takes, past every cache. */
  const seconds = async (line: string): Promise<number> => {
    const now = async (): Promise<number> =>
      Number((await host.root('cat /proc/uptime')).split(' ')[0]);
    const before = await now();
    await machines.ok('one', line);
    return (await now()) - before;
  };
  const write = 'dd if=/dev/zero of=/data bs=256k count=32 oflag=direct';
  const read = 'dd if=/data of=/dev/null bs=256k count=32 iflag=direct';
  const free = await seconds(write);
  await rate('limits.write', '1MiB');
  expect(await machines.read('one', 'io.max')).toMatch(/ rbps=max wbps=1048576 /);
  const held = await seconds(write);
  expect(held).toBeGreaterThan(7);
  expect(held).toBeGreaterThan(free);
  await rate('limits.write', '4MiB');
  expect(await machines.read('one', 'io.max')).toMatch(/ rbps=max wbps=4194304 /);
  expect(await seconds(write)).toBeLessThan(held / 1.5);
  await rate('limits.read', '1MiB');
  expect(await machines.read('one', 'io.max')).toMatch(/ rbps=1048576 wbps=max /);
  expect(await seconds(read)).toBeGreaterThan(7);
});

test('a machine stays on the processors it is given, and moves to those it is given next', async () => {
  const expectOn = async (cpu: number, not: number): Promise<void> => {
    await machines.change('one', { 'limits.cpu': `${cpu}-${cpu}` });
    expect(await machines.read('one', 'cpuset.cpus')).toBe(String(cpu));
    const allowed = 'sed -n "s/^Cpus_allowed_list:[[:space:]]*//p" /proc/1/status';
    await machines.ok('one', `[ "$(${allowed})" = ${cpu} ] && [ "$(nproc)" = 1 ]`);
    // Nor can it go elsewhere by itself.
    await machines.ok('one', `taskset ${1 << cpu} true && ! taskset ${1 << not} true`);
    const [share] = await machines.shares('one');
    expectNear(share, 1);
  };
  await machines.leave('one', busyLoop);
  await machines.leave('one', busyLoop);
  await expectOn(1, 0);
  await expectOn(0, 1);
});

test('of a processor that two want, each gets what its priority is worth', async () => {
  const expectPart = async (weight: number, wanted: number): Promise<void> => {
    expect(await machines.read('other', 'cpu.weight')).toBe(String(weight));
    const [one = 0, other = 0] = await machines.shares('one', 'other');
    expectNear(other / (one + other), wanted);
  };
  await machines.leave('other', busyLoop);
  await machines.change('other', {
    'limits.cpu': '0-0',
    'limits.cpu.allowance': '30%',
    'limits.cpu.priority': '5',
  });
  await expectPart(25, 0.2);
  await machines.change('other', { 'limits.cpu.allowance': '' });
  await expectPart(95, 0.487);
});
