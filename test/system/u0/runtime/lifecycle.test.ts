import { existsSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { closeFd } from '../../../../src/sys/kernel/socket.ts';
import { ended, layGround, type Ground } from './ground.ts';

let ground: Ground;

beforeAll(async () => {
  ground = await layGround();
});

afterEach(() => {
  expect(ground.warnings).toEqual([]);
});

afterAll(async () => {
  await ground[Symbol.asyncDispose]();
});

/** Collects what a console says; never reads before there is something, since the master blocks. */
function listen(consoleFd: number): Disposable & { said: () => string } {
  const buffer = Buffer.alloc(4096);
  let said = '';
  const watch = ground.readiness.watchReadable(consoleFd, () => {
    said += buffer.toString('utf8', 0, readSync(consoleFd, buffer));
  });
  return {
    said: () => said,
    [Symbol.dispose]: () => {
      watch[Symbol.dispose]();
    },
  };
}

function openFds(): number {
  return readdirSync('/proc/self/fd').length;
}

/** What a machine can leave behind on the host's side. */
function leftovers(name: string): string[] {
  const { ociDir, mountDir } = ground.paths;
  const places = [
    `${ociDir}/${name}`,
    ...['run', 'binds', 'bundles'].map((kind) => `${mountDir}/${kind}/${name}`),
    `/sys/fs/cgroup/machines/${name}`,
  ];
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`/${name}/`) || line.includes(`/${name} `));
  return [...places.filter((place) => existsSync(place)), ...mounts];
}

describe('a machine', () => {
  it('is created, started, shut down and deleted, and leaves nothing', async () => {
    const { runtime } = ground;
    const { init, consoleFd, consoleKeepaliveFd } = await runtime.create(
      ground.machine('life'),
      {},
    );
    expect(runtime.isAlive(init)).toBe(true);
    expect(await runtime.list()).toEqual(['life']);
    // Nothing of the guest has run yet.
    expect(readFileSync(`/proc/${init.pid}/cmdline`, 'utf8')).not.toContain('/sbin/init');
    let exited = false;
    using watch = runtime.watchExit(init, () => {
      exited = true;
    });
    expect(watch).toBeDefined();
    using console = listen(consoleFd);
    await runtime.start('life');
    await expect.poll(() => console.said()).toContain('up');
    runtime.requestShutdown(init);
    await expect.poll(() => exited, { timeout: 10_000 }).toBe(true);
    expect(runtime.isAlive(init)).toBe(false);
    expect(await ended(init.pid)).toEqual({ pid: init.pid, kind: 'killed', value: 2 });
    expect(runtime.isAlive(init)).toBe(false);
    console[Symbol.dispose]();
    closeFd(consoleFd);
    closeFd(consoleKeepaliveFd);
    await runtime.delete('life');
    await runtime.delete('life');
    expect(await runtime.list()).toEqual([]);
    expect(leftovers('life')).toEqual([]);
  });

  it('costs no descriptor once it is gone', async () => {
    const live = async (): Promise<number> => {
      const { init, consoleFd, consoleKeepaliveFd } = await ground.runtime.create(
        ground.machine('fds', { root }),
        {},
      );
      const gone = new Promise<void>((resolve) => {
        ground.runtime.watchExit(init, resolve);
      });
      await ground.runtime.start('fds');
      await ground.exec('fds', ['true']);
      await ground.runtime.killAll('fds', init);
      await gone;
      await ended(init.pid);
      closeFd(consoleFd);
      closeFd(consoleKeepaliveFd);
      await ground.runtime.delete('fds');
      return openFds();
    };
    const root = ground.makeRoot('fds');
    const first = await live();
    for (let i = 0; i < 3; i++) expect(await live()).toBe(first);
  });

  it('that reboots itself dies of SIGHUP, which only its parent sees', async () => {
    const { init } = await ground.run('reboots');
    await sleep(200);
    await ground.exec('reboots', ['reboot', '-f']);
    expect(await ended(init.pid)).toEqual({ pid: init.pid, kind: 'killed', value: 1 });
  });

  it('that powers itself off dies of SIGINT', async () => {
    const { init } = await ground.run('halts');
    await sleep(200);
    await ground.exec('halts', ['poweroff', '-f']);
    expect(await ended(init.pid)).toEqual({ pid: init.pid, kind: 'killed', value: 2 });
  });

  it('is killed whole, frozen or not', async () => {
    const { init } = await ground.run('killed');
    const sleeper = await ground.exec('killed', ['sh', '-c', 'setsid sleep 1000 & echo $!']);
    expect(sleeper.status).toBe(0);
    await ground.runtime.freeze('killed', 5000);
    await ground.runtime.killAll('killed', init);
    expect(await ended(init.pid)).toMatchObject({ kind: 'killed', value: 9 });
    await expect
      .poll(() => readFileSync('/sys/fs/cgroup/machines/killed/cgroup.events', 'utf8'))
      .toContain('populated 0');
  });

  it('is adopted by a runtime that did not make it', async () => {
    const { init } = await ground.run('orphan');
    const { makeRuntime } = await import('../../../../src/runtime/runtime.ts');
    const next = await makeRuntime({
      paths: ground.paths,
      readiness: ground.readiness,
      program: 'crun',
      bus: {},
      log: { warn: () => undefined },
    });
    expect(next.isAlive(init)).toBe(true);
    expect(next.isAlive({ ...init, startTime: init.startTime - 1 })).toBe(false);
    expect(next.isAlive({ ...init, bootId: 'another' })).toBe(false);
    const session = await next.exec('orphan', {
      command: ['true'],
      environment: {},
      cwd: '/',
      uid: 0,
      gid: 0,
      additionalGids: [],
    });
    expect(await session.exited).toBe(0);
    await next.delete('orphan');
    expect(await ended(init.pid)).toMatchObject({ kind: 'killed', value: 9 });
    expect(leftovers('orphan')).toEqual([]);
  });

  it('is one of twenty, made and deleted at the same time', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `many-${index}`);
    const root = ground.makeRoot('shared');
    const machines = await Promise.all(names.map((name) => ground.run(name, { root })));
    const said = await Promise.all(names.map((name) => ground.exec(name, ['hostname'])));
    expect(said.map(({ stdout }) => stdout.trim())).toEqual(names);
    expect(machines.every(({ init }) => ground.runtime.isAlive(init))).toBe(true);
    await Promise.all(names.map((name) => ground.runtime.delete(name)));
    expect(names.flatMap(leftovers)).toEqual([]);
  });
});
