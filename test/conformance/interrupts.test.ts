import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { openStockClient, type StockClient } from '../helpers/stock-client.ts';
import { eventually } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'lxc');

describe('lxc that is interrupted', () => {
  let lxc: StockClient;

  beforeAll(async () => {
    lxc = await openStockClient();
    await lxc.well('launch busybox c1');
  });
  afterAll(async () => {
    await lxc[Symbol.asyncDispose]();
  });

  /** Nothing is under way. */
  const quiet = (): Promise<void> =>
    eventually(async () => {
      expect(await lxc.well('operation list -f csv')).not.toMatch(/RUNNING|PENDING|CANCELLING/);
    });

  test('ctrl-c cancels a stop that waits, and the machine goes on', async () => {
    // Its shutdown never comes to an end.
    await lxc.well("exec c1 -- sh -c 'echo sleep 1000 > /etc/init.d/rcK'");
    const stop = lxc.onTerminal('stop c1');
    await eventually(async () => {
      expect(await lxc.well('operation list -f csv')).toMatch(/Stopping instance,RUNNING/);
    });
    stop.type('\x03');
    expect(await stop.exitCode).toBe(1);
    expect(stop.output).toMatch(/Remote operation canceled by user/);
    await quiet();
    // The same by hand, for a client that is somewhere else.
    const other = lxc.onTerminal('stop c1');
    let id = '';
    await eventually(async () => {
      const list = await lxc.well('operation list -f csv');
      id = /^([^,]+),TASK,Stopping instance,RUNNING/m.exec(list)?.[1] ?? '';
      expect(id).not.toBe('');
    });
    await lxc.well(`operation delete ${id}`);
    expect(await other.exitCode).toBe(1);
    await quiet();
    expect(await lxc.well('exec c1 -- echo here')).toBe('here');
    expect(await lxc.well('list -f csv -c s')).toBe('RUNNING');
  });

  test('ctrl-c cancels a launch, and nothing of the machine is left', async () => {
    await lxc.warren.ok(['image', 'delete', 'busybox']);
    const launch = lxc.onTerminal('launch busybox c2');
    await eventually(async () => {
      expect(await lxc.well('operation list -f csv')).toMatch(/Creating instance,RUNNING/);
    });
    launch.type('\x03');
    await launch.exitCode;
    await quiet();
    // A launch that was done before the key came has left a whole machine.
    const names = await lxc.well('list -f csv -c n');
    expect(names).toBe(launch.output.includes('canceled') ? 'c1' : 'c1\nc2');
  });

  test('a client that is killed while it waits leaves the work to its end', async () => {
    const stop = lxc.onTerminal('stop c1 --timeout 2');
    await eventually(async () => {
      expect(await lxc.well('operation list -f csv')).toMatch(/Stopping instance,RUNNING/);
    });
    stop.kill('SIGKILL');
    await quiet();
    await lxc.well('stop c1 --force');
    expect(await lxc.well('list -f csv -c s c1')).toBe('STOPPED');
  });

  test('a push and a pull that break off leave no half-open transfer', async () => {
    await lxc.well('start c1');
    const pid = await lxc.warren.daemonPid();
    const open = (): number => readdirSync(`/proc/${pid}/fd`).length;
    await lxc.well("exec c1 -- sh -c 'dd if=/dev/zero of=/root/big bs=1M count=64 2>/dev/null'");
    const before = open();
    const push = lxc.onTerminal('file push /dev/zero c1/root/endless');
    await eventually(async () => {
      expect(await lxc.well('exec c1 -- ls /root')).toContain('endless');
    });
    push.kill('SIGKILL');
    const pull = lxc.onTerminal(`file pull c1/root/big ${lxc.place}/big`);
    pull.kill('SIGTERM');
    await pull.exitCode;
    await eventually(() => {
      expect(open()).toBeLessThanOrEqual(before);
    });
  });
});
