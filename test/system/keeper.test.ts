import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';

import { findDelegated } from '../../src/host/cgroup.ts';
import { parseCgroupPath } from '../../src/sys/proc/cgroup.ts';
import { isRunning, processIdentity, readProcessStat } from '../../src/sys/proc/identity.ts';
import { parseIdMap } from '../../src/sys/proc/idmap.ts';
import { openKeeperGround } from '../helpers/keeper.ts';
import { needs } from '../helpers/needs.ts';
import { eventually } from '../helpers/warren.ts';

const test = needs('userns');

describe('starting', () => {
  test('makes U0 with the user as its root and the subordinate ids after it', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    const map = parseIdMap(readFileSync(`/proc/${ground.keeperPid()}/uid_map`, 'utf8'));
    expect(map[0]).toEqual({ inside: 0, outside: process.getuid?.(), count: 1 });
    expect(map[1]).toMatchObject({ inside: 1 });
    expect((await ground.order({ do: 'status' })).uid).toBe(0);
  });

  test('again while one runs changes nothing', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    const before = { keeper: ground.keeperPid(), pin: ground.pin() };
    await ground.start();
    expect({ keeper: ground.keeperPid(), pin: ground.pin() }).toEqual(before);
  });

  test('ten times at once makes one keeper', async () => {
    await using ground = await openKeeperGround();
    await Promise.all(Array.from({ length: 10 }, () => ground.start()));
    expect(ground.log().match(/listens/g)).toHaveLength(1);
    expect((await ground.order({ do: 'status' })).keeperPid).toBe(ground.keeperPid());
  });

  test('makes everything private to the user', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    expect(statSync(ground.dir).mode & 0o777).toBe(0o700);
    expect(statSync(join(ground.dir, 'unix.socket')).mode & 0o777).toBe(0o600);
    expect(statSync(join(ground.dir, 'keeper.socket')).mode & 0o777).toBe(0o600);
  });

  test('says why it cannot when the socket would have too long an address', async () => {
    await using ground = await openKeeperGround();
    const WARREN_DIR = join(ground.dir, 'x'.repeat(100));
    const { exitCode, stderr } = await ground.host(['start'], { WARREN_DIR });
    expect(exitCode).toBe(12);
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'host_lacks', details: { wanted: expect.stringContaining('107') as string } },
    });
    expect(existsSync(WARREN_DIR)).toBe(false);
  });

  test('repairs a stale socket and a journal that was cut short', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    process.kill(ground.keeperPid(), 'SIGKILL');
    writeFileSync(
      join(ground.dir, 'exits.jsonl'),
      '{"sequence":4,"pid":7,"startTime":1,"bootId":"b","exit":{"kind":"exited","value":0},"at":"t"}\n{"seque',
    );
    await eventually(() => ground.start());
    const { exits } = await ground.order({ do: 'status' });
    expect(exits?.[0]).toMatchObject({ sequence: 4, pid: 7 });
  });
});

describe('the cgroup of U0', () => {
  test('is a part of what is delegated, whose root is the namespace’s and whose leaf has the keeper', async ({
    skip,
  }) => {
    const delegated = findDelegated();
    if (delegated === undefined) skip('no cgroup is delegated to this user');
    await using one = await openKeeperGround();
    await using other = await openKeeperGround();
    await Promise.all([one.start(), other.start()]);
    const places = [one, other].map((ground) => cgroupOf(ground.keeperPid()));
    for (const place of places) expect(place).toMatch(/\/warren(-\d+)?\/keeper$/);
    expect(places[0]).not.toBe(places[1]);
    // Seen from inside, the leaf lies directly below the root.
    const { pid } = await one.order({ do: 'status' });
    expect(cgroupOf(pid ?? 0)).toBe(places[0]);
    expect((await one.order({ do: 'status' })).cgroup).toBe('/keeper');
    process.kill(one.keeperPid(), 'SIGKILL');
    await eventually(() => one.start());
    expect(cgroupOf(one.keeperPid())).toBe(places[0]);
  });
});

describe('the daemon', () => {
  test('starts with the first client, with the API socket as descriptor 3 and nothing of systemd', async () => {
    await using ground = await openKeeperGround();
    await ground.start({ NOTIFY_SOCKET: '/nowhere', LISTEN_FDS: '1', WATCHDOG_USEC: '1' });
    expect(ground.log()).not.toContain('daemon');
    const { env, fds } = await ground.order({ do: 'status' });
    expect(Object.keys(env ?? {})).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/NOTIFY|LISTEN|WATCHDOG/)]),
    );
    expect(fds?.[0]).toBe('/dev/null');
    expect(fds?.[2]).toBe(join(ground.dir, 'logs/daemon.log'));
    expect(fds?.[3]).toMatch(/^socket:/);
  });

  test('that was killed is followed by another, which gets descriptors and exits', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    const first = await ground.order({ do: 'status' });
    await ground.order({ do: 'pty', name: 'web' });
    const go = join(ground.dir, 'go');
    const scripts = ['exit 7', 'kill -HUP $$', 'kill -INT $$', 'kill -KILL $$'];
    const orphans: number[] = [];
    for (const script of scripts) {
      const { identity } = await ground.order({ do: 'child', script: onceThere(go, script) });
      orphans.push(identity?.pid ?? 0);
    }
    process.kill(first.pid ?? 0, 'SIGKILL');
    writeFileSync(go, '');
    const [seven, rebooted, halted, killed] = await Promise.all(
      orphans.map((pid) => ground.exitOf(pid)),
    );
    expect(seven?.exit).toEqual({ kind: 'exited', value: 7 });
    expect(rebooted?.exit).toEqual({ kind: 'killed', value: 1 });
    expect(halted?.exit).toEqual({ kind: 'killed', value: 2 });
    expect(killed?.exit).toEqual({ kind: 'killed', value: 9 });
    const second = await ground.order({ do: 'status' });
    expect(second.pid).not.toBe(first.pid);
    expect(second.names).toEqual(['web', 'web/slave']);
  });

  test('finds each exit with the identity that the process had', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    const { pid } = await ground.order({ do: 'status' });
    const go = join(ground.dir, 'go');
    const { identity } = await ground.order({ do: 'child', script: onceThere(go, 'exit 3') });
    process.kill(pid ?? 0, 'SIGKILL');
    writeFileSync(go, '');
    expect(await ground.exitOf(identity?.pid ?? 0)).toMatchObject({ ...identity });
  });

  test('hears of the same exit from every daemon until one says that it is recorded', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    const { pid } = await ground.order({ do: 'status' });
    const go = join(ground.dir, 'go');
    const { identity } = await ground.order({ do: 'child', script: onceThere(go, 'exit 0') });
    process.kill(pid ?? 0, 'SIGKILL');
    writeFileSync(go, '');
    const exit = await ground.exitOf(identity?.pid ?? 0);
    await ground.order({ do: 'leave', again: true });
    expect(await ground.exitOf(exit.pid)).toEqual(exit);
    await ground.order({ do: 'forget', sequence: exit.sequence });
    await ground.order({ do: 'leave', again: true });
    await eventually(async () => {
      const { exits } = await ground.order({ do: 'status' });
      expect(exits).toEqual([]);
    });
  });

  test('that left on purpose is started again only by a client', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    const { pid } = await ground.order({ do: 'status' });
    const identity = processIdentity(pid ?? 0);
    await ground.order({ do: 'leave', again: false });
    await eventually(() => {
      expect(identity && isRunning(identity)).toBe(false);
    });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(ground.log().match(/daemon \d+ started/g)).toHaveLength(1);
    expect((await ground.order({ do: 'status' })).pid).not.toBe(pid);
  });

  test.for(['early', 'greeted'])(
    'that always dies (%s) is started ever more slowly and turns waiting clients away',
    async (when) => {
      await using ground = await openKeeperGround();
      await ground.start({ WARREN_TEST_DIE: when });
      await expect(ground.order({ do: 'status' })).rejects.toThrow(/hung up|ECONNRESET|EPIPE/);
      const delays = ground.log().match(/starts in \d+ ms/g) ?? [];
      expect(delays.slice(0, 2)).toEqual(['starts in 100 ms', 'starts in 200 ms']);
    },
  );

  test('cannot be played by another process of the user', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    await ground.order({ do: 'status' });
    const { connectKeeper } = await import('../../src/engine/keeper/link.ts');
    await expect(connectKeeper(join(ground.dir, 'keeper.socket'))).rejects.toThrow(
      'is not the daemon that the keeper started',
    );
  });
});

describe('a console', () => {
  test('is drained while there is no daemon, and its newest output is handed over', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    const { pid } = await ground.order({ do: 'status' });
    await ground.order({ do: 'pty', name: 'web' });
    // The next daemon has the pty from the keeper only.
    await ground.order({ do: 'leave', again: true });
    await eventually(async () => {
      expect((await ground.order({ do: 'status' })).pid).not.toBe(pid);
    });
    // A pty holds a few KiB: this fills it many times over, and ends only if somebody reads. Its
    // lines are long, because every write wakes the keeper.
    const { identity } = await ground.order({
      do: 'writer',
      name: 'web/slave',
      script:
        'sleep 1; i=0; while [ $i -lt 2000 ]; do printf "line %0100d\\n" $i; i=$((i+1)); done',
    });
    await ground.order({ do: 'leave', again: false });
    await eventually(() => {
      expect(identity && isRunning(identity)).toBe(false);
    }, 60_000);
    const { text } = await ground.order({ do: 'fetch', name: 'web' });
    expect(text).toMatch(/line 0+1999\r?\n$/);
    expect(Buffer.byteLength(text ?? '')).toBeLessThanOrEqual(64 * 1024 + 8192);
    expect(Buffer.byteLength(text ?? '')).toBeGreaterThan(60 * 1024);
  });

  test('keeps U0 from being shut down, and dropping it lets that happen without a trace', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    await ground.order({ do: 'pty', name: 'web' });
    const keeper = processIdentity(ground.keeperPid());
    const pin = ground.pin();
    expect((await ground.order({ do: 'shutdown' })).error).toContain('a machine is running');
    await ground.order({ do: 'drop', name: 'web' });
    await ground.order({ do: 'shutdown' });
    await eventually(() => {
      expect(keeper && isRunning(keeper)).toBe(false);
      expect(isRunning(pin)).toBe(false);
    });
    expect(readdirSync(ground.dir).sort()).toEqual([
      'exits.jsonl',
      'keeper.lock',
      'logs',
      'start.lock',
    ]);
  });
});

describe('the keeper', () => {
  test('when killed leaves processes and U0 alone, and the next one is in the same U0', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    const first = await ground.order({ do: 'status' });
    const { identity } = await ground.order({ do: 'child', script: 'exec sleep 300' });
    const oldDaemon = processIdentity(first.pid ?? 0);
    const namespaces = namespacesOf(ground.keeperPid());
    const pin = ground.pin();
    process.kill(ground.keeperPid(), 'SIGKILL');
    await eventually(() => ground.start());
    expect(ground.keeperPid()).not.toBe(first.keeperPid);
    expect(namespacesOf(ground.keeperPid())).toEqual(namespaces);
    expect(ground.pin()).toEqual(pin);
    expect(identity && isRunning(identity)).toBe(true);
    const second = await ground.order({ do: 'status' });
    expect(second.keeperPid).toBe(ground.keeperPid());
    expect(second.uid).toBe(0);
    // The daemon of the first keeper has gone, of itself or by the second.
    expect(oldDaemon && isRunning(oldDaemon)).toBe(false);
    process.kill(identity?.pid ?? 0, 'SIGKILL');
  });

  test('ends a daemon of a killed keeper that does not go of itself', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    const first = await ground.order({ do: 'status' });
    const oldDaemon = processIdentity(first.pid ?? 0);
    process.kill(first.pid ?? 0, 'SIGSTOP');
    process.kill(ground.keeperPid(), 'SIGKILL');
    await eventually(() => ground.start());
    const second = await ground.order({ do: 'status' });
    expect(second.pid).not.toBe(first.pid);
    expect(oldDaemon && isRunning(oldDaemon)).toBe(false);
  });

  test('told by SIGTERM to end takes the daemon with it and leaves machines alone', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    const { pid } = await ground.order({ do: 'status' });
    await ground.order({ do: 'pty', name: 'web' });
    const { identity } = await ground.order({ do: 'child', script: 'exec sleep 300' });
    const [keeper, daemon] = [processIdentity(ground.keeperPid()), processIdentity(pid ?? 0)];
    const pin = ground.pin();
    process.kill(ground.keeperPid(), 'SIGTERM');
    await eventually(() => {
      expect(keeper && isRunning(keeper)).toBe(false);
    });
    expect(daemon && isRunning(daemon)).toBe(false);
    expect(identity && isRunning(identity)).toBe(true);
    expect(isRunning(pin)).toBe(true);
    await ground.start();
    expect(ground.pin()).toEqual(pin);
    process.kill(identity?.pid ?? 0, 'SIGKILL');
  });

  test('reaps every child and waits without waking up', async () => {
    await using ground = await openKeeperGround();
    await ground.start();
    const { pid } = await ground.order({ do: 'status' });
    const go = join(ground.dir, 'go');
    const orphans = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        ground.order({ do: 'child', script: onceThere(go, `exit ${index}`) }),
      ),
    );
    process.kill(pid ?? 0, 'SIGKILL');
    writeFileSync(go, '');
    const exits = await Promise.all(
      orphans.map(({ identity }) => ground.exitOf(identity?.pid ?? 0)),
    );
    expect(exits.map(({ exit }) => exit.value)).toEqual(
      Array.from({ length: 30 }, (_, index) => index),
    );
    for (const { identity } of orphans) expect(readProcessStat(identity?.pid ?? 0)).toBeUndefined();
    const before = contextSwitches(ground.keeperPid());
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect(contextSwitches(ground.keeperPid()) - before).toBe(0);
  });
});

/** A shell script that does its work when the file is there: after its parent was killed. */
function onceThere(file: string, script: string): string {
  return `while [ ! -e ${file} ]; do sleep 0.1; done; ${script}`;
}

function cgroupOf(pid: number): string | undefined {
  return parseCgroupPath(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
}

function namespacesOf(pid: number): Record<string, number> {
  return Object.fromEntries(
    ['user', 'mnt', 'cgroup'].map((name) => [name, statSync(`/proc/${pid}/ns/${name}`).ino]),
  );
}

function contextSwitches(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(text)?.[1]);
}
