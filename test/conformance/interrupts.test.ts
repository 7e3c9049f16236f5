import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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

  /** Nothing that was begun lies about: no directory without a row, no upload, no descriptor. */
  const whole = async (): Promise<void> => {
    await quiet();
    await eventually(() => {
      const uploads = join(lxc.warren.dir, 'uploads');
      expect(existsSync(uploads) ? readdirSync(uploads) : []).toEqual([]);
    });
    await lxc.warren.ok(['doctor', '--storage']);
  };

  /**
   * Types Ctrl-C once the operation is there; whether the client had it cancelled. It does so where
   * it waits, and otherwise only ends, as with LXD: then the work goes on to its end.
   */
  const interrupted = async (line: string, description: string): Promise<boolean> => {
    const run = lxc.onTerminal(line);
    await eventually(async () => {
      expect(await lxc.well('operation list -f csv')).toContain(`,${description},`);
    });
    run.type('\x03');
    await run.exitCode;
    await whole();
    return run.output.includes('canceled');
  };

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

  test('ctrl-c cancels a copy, a publish and an export, and nothing of them is left', async () => {
    await lxc.well("exec c1 -- sh -c 'head -c 80000000 /dev/urandom > /root/big'");
    await interrupted('copy c1 c3', 'Creating instance');
    // Whole, or not there at all.
    const copied = await lxc.well('list -f csv -c ns c3');
    expect(['', 'c3,STOPPED']).toContain(copied);
    if (copied !== '') await lxc.well('delete c3');
    await lxc.well('stop -f c1');
    const published = await interrupted('publish c1 --alias big', 'Publishing image');
    const left = await lxc.well('image list -f csv -c F');
    expect(left.split('\n')).toHaveLength(published ? 1 : 2);
    const file = join(lxc.place, 'c1.tar.gz');
    const cancelled = await interrupted(`export c1 ${file}`, 'Backing up instance');
    // One that goes on to its end is there until it is deleted, by the client where that still can.
    const backups = JSON.parse(await lxc.well('query /1.0/instances/c1/backups')) as string[];
    const theBackup = ['/1.0/instances/c1/backups/backup0'];
    expect(cancelled ? [[]] : [[], theBackup]).toContainEqual(backups);
    for (const backup of backups) await lxc.well(`query -X DELETE --wait ${backup}`);
  });

  test('an upload and a download of an image that break off leave nothing', async () => {
    await lxc.well('publish c1 --alias big');
    const pid = await lxc.warren.daemonPid();
    const open = (): number => readdirSync(`/proc/${pid}/fd`).length;
    const before = open();
    const file = join(lxc.place, 'big');
    const away = lxc.onTerminal(`image export big ${file}`);
    await eventually(() => {
      expect(readdirSync(lxc.place).some((name) => name.startsWith('big'))).toBe(true);
    });
    away.type('\x03');
    await away.exitCode;
    await lxc.well(`image export big ${file}`);
    await lxc.well('image delete big');
    const [tarball = ''] = readdirSync(lxc.place).filter((name) => name.startsWith('big.'));
    const upload = lxc.onTerminal(`image import ${join(lxc.place, tarball)} --alias again`);
    await eventually(() => {
      expect(readdirSync(join(lxc.warren.dir, 'uploads'))).not.toEqual([]);
    });
    upload.kill('SIGKILL');
    await upload.exitCode;
    await whole();
    await eventually(() => {
      expect(open()).toBeLessThanOrEqual(before);
    });
    expect(await lxc.well('image list again -f csv')).toBe('');
  });

  test('ctrl-c is the command’s on a terminal, and ends one without', async () => {
    await lxc.well('start c1');
    const shell = lxc.onTerminal("exec c1 -- sh -c 'echo ready; sleep 1000'");
    await shell.shows(/ready/);
    shell.type('\x03');
    expect(await shell.exitCode).toBe(130);
    const plain = lxc.onTerminal("exec c1 -T -- sh -c 'echo ready; sleep 1001'");
    await plain.shows(/ready/);
    plain.kill('SIGKILL');
    await plain.exitCode;
    await eventually(async () => {
      expect(await lxc.well('exec c1 -- ps')).not.toMatch(/sleep 100[01]/);
    });
    await whole();
  });

  test('a console that is left, or killed, can be had again', async () => {
    const killed = lxc.onTerminal('console c1');
    await killed.shows(/To detach from the console/);
    killed.kill('SIGKILL');
    await killed.exitCode;
    await quiet();
    const left = lxc.onTerminal('console c1');
    await left.shows(/To detach from the console/);
    let code = -1;
    void left.exitCode.then((status) => (code = status));
    await eventually(async () => {
      // Seen only when they come one by one, once it has made the terminal its own.
      left.type('\x01');
      await sleep(100);
      left.type('q');
      await sleep(100);
      expect(code).toBe(0);
    });
    await whole();
  });
});
