import { afterAll, beforeAll, expect, test } from 'vitest';

import { apiPath } from '../../src/client/client.ts';
import type { DeviceMap, InstanceState } from '../../src/contract/api/instances.ts';
import type { DoctorReport } from '../../src/contract/doctor.ts';
import { openHost, scopeOf, type EmulatedHost } from './host.ts';
import { expectLiveChanges, type LiveChange } from './live-changes.ts';
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
const rate = (key: 'limits.read' | 'limits.write' | 'limits.max', value: string): Promise<void> =>
  machines.change('one', {}, diskWith(key, value));

const diskWith = (key: string, value: string): DeviceMap => ({
  root: { type: 'disk', path: '/', pool: 'default', [key]: value },
});

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
  await rate('limits.max', '2MiB');
  expect(await machines.read('one', 'io.max')).toMatch(/ rbps=2097152 wbps=2097152 /);
  expect(await seconds(write)).toBeGreaterThan(3.5);
  expect(await seconds(read)).toBeGreaterThan(3.5);
  await rate('limits.max', '10iops');
  expect(await machines.read('one', 'io.max')).toMatch(/ rbps=max wbps=max riops=10 wiops=10$/);
  // One request after the other.
  expect(await seconds('dd if=/data of=/dev/null bs=4k count=40 iflag=direct')).toBeGreaterThan(3);
});

test('rates of disks and sets of processors are in force within a second of a change', async () => {
  const at = (file: string): string => `${scopeOf('one')}/${file}`;
  const block = (await host.root('cat /sys/block/vda/dev')).trim();
  const path = apiPath('instances', 'one', 'state');
  const { pid } = await (await host.api()).get<InstanceState>(path);
  await machines.ok('one', 'touch /writes');
  const write = 'dd if=/dev/zero of=/data bs=256k count=32 oflag=direct conv=notrunc';
  await machines.leave('one', `while [ -e /writes ]; do ${write}; done`);
  const onProcessor = (cpu: number): LiveChange => ({
    title: `limits.cpu=${cpu}-${cpu}`,
    body: { config: { 'limits.cpu': `${cpu}-${cpu}` } },
    shown: [
      { path: at('cpuset.cpus'), line: String(cpu) },
      { path: `/proc/${pid}/status`, line: `Cpus_allowed_list:\t${cpu}` },
    ],
  });
  const atRate = (key: string, bytes: number): LiveChange => ({
    title: `${key}=${bytes}`,
    body: { devices: diskWith(key, String(bytes)) },
    shown: [
      {
        path: at('io.max'),
        line: `${block} rbps=${key === 'limits.max' ? bytes : 'max'} wbps=${bytes} riops=max wiops=max`,
      },
    ],
    atMost: {
      ...{ path: at('io.stat'), pattern: `^${block} .*wbytes=(\\d+)` },
      ...{ perSecond: bytes, slack: 2 ** 19 },
    },
  });
  await expectLiveChanges(host, 'one', [
    atRate('limits.write', 2 ** 20),
    atRate('limits.max', 4 * 2 ** 20),
    onProcessor(0),
    onProcessor(1),
  ]);
  await machines.ok('one', 'rm /writes');
});

test('of a disk that two want, each gets what its priority is worth', async () => {
  const block = (await host.root('cat /sys/block/vda/dev')).trim();
  // The kernel weighs only where its administrator has told it what the disk can do: 4 MiB a
  // second.
  await host.root(`
    cd /sys/fs/cgroup
    echo '${block} ctrl=user model=linear rbps=4194304 rseqiops=1000 rrandiops=1000 wbps=4194304 wseqiops=1000 wrandiops=1000' >io.cost.model
    echo '${block} enable=1 ctrl=user rpct=0.00 rlat=0 wpct=0.00 wlat=0 min=100.00 max=100.00' >io.cost.qos`);
  const write = 'dd if=/dev/zero of=/data bs=256k count=8 oflag=direct conv=notrunc';
  for (const name of ['one', 'other']) {
    await machines.ok(name, 'touch /writes');
    await machines.leave(name, `while [ -e /writes ]; do ${write}; done`);
  }
  const written = `sed -n 's/^${block} .*wbytes=\\([0-9]*\\).*/\\1/p'`;
  const both = ['one', 'other'].map((name) => `${written} ${scopeOf(name)}/io.stat`).join('; ');
  const expectPart = async (priority: string, wanted: number): Promise<void> => {
    await machines.change('other', { 'limits.disk.priority': priority });
    const weight = await machines.read('other', 'io.weight');
    expect(weight).toBe(`default ${Number(priority) * 100}`);
    const lines = (await host.root(`sleep 1; ${both}; sleep 8; ${both}`)).trim().split('\n');
    const [one = 0, other = 0, oneLater = 0, otherLater = 0] = lines.map(Number);
    const [byOne, byOther] = [oneLater - one, otherLater - other];
    process.stderr.write(`emulated host: disk by weight: ${byOne} and ${byOther} bytes\n`);
    const part = byOther / (byOne + byOther);
    // Requests of 256 KiB are few in a second.
    expect(part).toBeGreaterThan(wanted * 0.8);
    expect(part).toBeLessThan(wanted * 1.2);
  };
  await machines.change('one', { 'limits.disk.priority': '2' });
  await expectPart('6', 0.75);
  await expectPart('2', 0.5);
  for (const name of ['one', 'other']) await machines.ok(name, 'rm /writes');
  await host.root(`echo '${block} enable=0' >/sys/fs/cgroup/io.cost.qos`);
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
