import { afterAll, beforeAll, expect, test } from 'vitest';

import { apiPath } from '../../src/client/client.ts';
import type { InstanceState } from '../../src/contract/api/instances.ts';
import type { Server } from '../../src/contract/api/server.ts';
import type { DoctorReport } from '../../src/contract/doctor.ts';
import { inTime, openHost, scopeOf, type EmulatedHost } from './host.ts';

let host: EmulatedHost;

beforeAll(async () => {
  host = await openHost();
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

const status = async (): Promise<Server['warren']> =>
  (await (await host.api()).get<Server>('/1.0')).warren;

/** Pid of a machine's init as the host has it. */
const initOf = async (name: string): Promise<number> => {
  const { pid } = await (await host.api()).get<InstanceState>(apiPath('instances', name, 'state'));
  await host.root(`grep -qx ${pid} ${scopeOf(name)}/cgroup.procs`);
  return pid;
};

/** Of the unit that runs the keeper. */
const property = async (name: string, unit = 'warren-transient'): Promise<string> =>
  (await host.ok(`systemctl --user show --value -p ${name} ${unit}.service`)).trim();

test("quickstart leaves a machine on Debian's kernel, in a scope of the user's own manager", async () => {
  expect(await host.root('uname -r')).toMatch(/^6\.1\..*-cloud-amd64$/m);
  expect(await status()).toMatchObject({
    cgroup_driver: 'systemd',
    cgroup_controllers: expect.arrayContaining(['cpu', 'memory', 'pids']) as unknown,
    instances_running: 1,
  });
  expect(await property('MainPID')).toBe(String((await status()).keeper_pid));
  expect(await initOf('first')).toBeGreaterThan(1);
});

test('doctor finds that machines can run', async () => {
  const report = JSON.parse(await host.ok('warren doctor --format json')) as DoctorReport;
  expect(report.canRun).toBe(true);
  const found = Object.fromEntries(report.checks.map((check) => [check.name, check]));
  expect(found['systemd']).toMatchObject({
    level: 'ok',
    summary: 'systemd user manager, lingering',
  });
  const bad = report.checks.filter(({ level }) => level === 'missing').map(({ name }) => name);
  expect(bad).toEqual([]);
});

test('a daemon that is killed comes back, and what consoles said meanwhile is kept', async () => {
  const { pid } = await status();
  const init = await initOf('first');
  const ticker = 'i=0; while :; do echo tick $((i+=1)) >/dev/console; sleep 1; done';
  await host.exec('first', `setsid sh -c '${ticker}' </dev/null >/dev/null 2>&1 &`);
  const lastTick = async (): Promise<number> => {
    const daemon = await host.api();
    const log = await daemon.download('/1.0/instances/first/console');
    const text = await daemon.transport.text(log);
    return Number(/.*tick (\d+)/s.exec(text)?.[1] ?? 0);
  };
  await inTime(async () => {
    expect(await lastTick()).toBeGreaterThan(0);
  });
  const before = await lastTick();
  await host.root(`kill -STOP ${pid}; sleep 3; kill -KILL ${pid}`);
  await inTime(async () => {
    expect((await status()).pid).not.toBe(pid);
  });
  await inTime(async () => {
    expect(await lastTick()).toBeGreaterThanOrEqual(before + 3);
  });
  expect(await initOf('first')).toBe(init);
  expect(await host.exec('first', 'true')).toBe(0);
});

test('systemd starts a killed keeper again, which finds its machines', async () => {
  const { keeper_pid: keeper } = await status();
  const init = await initOf('first');
  await host.root(`kill -KILL ${keeper}`);
  await inTime(async () => {
    expect(await property('ActiveState')).toBe('active');
    expect(await property('MainPID')).not.toBe(String(keeper));
  });
  expect(Number(await property('NRestarts'))).toBe(1);
  await inTime(async () => {
    expect(await status()).toMatchObject({ instances_running: 1 });
  });
  expect(await initOf('first')).toBe(init);
  expect(await host.exec('first', 'true')).toBe(0);
});

test('an installed service takes over at once, starts with the manager, and machines outlive its stop', async () => {
  const init = await initOf('first');
  const told = await host.ok('warren daemon install');
  expect(told).toContain('warren.service is written and enabled');
  expect(told).toContain('the daemon runs as that service now');
  expect(told).toContain('lingering is enabled');
  const isTakenUp = async (): Promise<void> => {
    await inTime(async () => {
      expect(await status()).toMatchObject({ instances_running: 1 });
    });
    expect(await property('MainPID', 'warren')).toBe(String((await status()).keeper_pid));
    expect(await initOf('first')).toBe(init);
  };
  expect(await property('ActiveState')).toBe('inactive');
  await isTakenUp();
  await host.ok('systemctl --user stop warren');
  expect(await property('ActiveState', 'warren')).toBe('inactive');
  await host.ok('systemctl --user start warren');
  expect((await host.ok('systemctl --user is-enabled warren')).trim()).toBe('enabled');
  expect(await property('FragmentPath', 'warren')).toBe(
    '/home/warren/.config/systemd/user/warren.service',
  );
  await isTakenUp();
  // What runs already is left as it is.
  expect(await host.ok('warren daemon install')).not.toContain('the daemon runs as');
  await isTakenUp();
});
