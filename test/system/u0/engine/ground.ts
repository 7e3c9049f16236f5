import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { hostPath } from '../../../../src/base/brand.ts';
import { pathsIn, type Paths } from '../../../../src/contract/paths.ts';
import { policyFile } from '../../../../src/contract/policy/policy.ts';
import { closeEngine, createEngine, type EnginePorts } from '../../../../src/engine/engine.ts';
import {
  createInstance,
  type CreateInstanceInput,
} from '../../../../src/engine/instances/create.ts';
import { deleteInstance } from '../../../../src/engine/instances/delete.ts';
import { execInstance } from '../../../../src/engine/instances/exec.ts';
import { listInstances } from '../../../../src/engine/instances/list.ts';
import { startInstance } from '../../../../src/engine/instances/start.ts';
import { recover } from '../../../../src/engine/recovery/recover.ts';
import { type EngineDeps, type LifecycleEvent, unattended } from '../../../../src/engine/types.ts';
import { makeImages } from '../../../../src/image/images.ts';
import { openRootOf } from '../../../../src/engine/instances/root-of.ts';
import { makeNetworks } from '../../../../src/network/networks.ts';
import { networkPlaces } from '../../../../src/network/places.ts';
import { openCgroupfs } from '../../../../src/runtime/cgroup/cgroupfs.ts';
import { makeRuntime } from '../../../../src/runtime/runtime.ts';
import { makeStorage } from '../../../../src/storage/storage.ts';
import { openStore } from '../../../../src/store/open.ts';
import { MNT_DETACH, unmount } from '../../../../src/sys/kernel/mount.ts';
import { openReadiness } from '../../../../src/sys/kernel/readiness.ts';
import { parseCgroupProcs } from '../../../../src/sys/proc/cgroup.ts';
import { readBootId } from '../../../../src/sys/proc/identity.ts';
import { parseIdMap } from '../../../../src/sys/proc/idmap.ts';
import { forever, gated, type Fault, type Gate } from './faults.ts';
import { guests, startKeeper, type TestKeeper } from './keeper.ts';

/** One life of a daemon's engine over kernel objects, a keeper and directories that outlive it. */
export interface Life {
  readonly deps: EngineDeps;
  readonly events: LifecycleEvent[];
  /** What was logged as a warning or an error. */
  readonly problems: string[];
  /**
   * Ends it as SIGKILL does: from now on none of its effects is made and none of its calls returns.
   * Nothing is put in order.
   */
  die(): void;
}

export interface Ground extends AsyncDisposable {
  readonly paths: Paths;
  readonly keeper: TestKeeper;
  /** A new life, recovered. Of two, the older must have died. */
  begin(gate?: Gate): Promise<Life>;
}

export async function layGround(): Promise<Ground> {
  const dir = mkdtempSync(join(tmpdir(), 'wengine-'));
  const paths = pathsIn(`${dir}/data`, `${dir}/run`);
  for (const path of [paths.dataDir, paths.runtimeDir, paths.logDir, paths.imagesDir]) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }
  await leaveCgroupRoot();
  const keeper = startKeeper();
  const sharedProblems: string[] = [];
  // One for all lives: how a next one adopts the switch is tested with the network layer, and two
  // in one process would tend it both.
  const networks = makeNetworks({
    paths,
    log: logInto(sharedProblems),
    openFiles: openRootOf,
  });
  const lives = new Set<Life>();

  const begin = async (gate?: Gate): Promise<Life> => {
    const problems: string[] = [];
    const events: LifecycleEvent[] = [];
    const log = logInto(problems);
    const readiness = openReadiness();
    const link = keeper.connect();
    const store = openStore(paths.database);
    let dead = false;
    const ports: EnginePorts = {
      store,
      storage: await makeStorage({ paths, log }),
      images: makeImages({ paths, log, hostArchitecture: 'x86_64' }),
      runtime: await makeRuntime({ paths, readiness, program: 'crun', bus: {}, log }),
      networks,
      keeper: link,
      events: { lifecycle: (event) => events.push(event) },
      log,
      paths,
      policy: { file: policyFile, read: () => ({ kind: 'none' }) },
      ids: { user: 'tester', u0: { uid: ownMap('uid'), gid: ownMap('gid') } },
      profilesDir: hostPath(join(import.meta.dirname, '../../../../profiles')),
      bootId: readBootId(),
      architecture: 'x86_64',
      now: () => Date.now(),
    };
    const deps = createEngine(
      gated(ports, (effect, run) => {
        if (dead) return forever();
        return gate === undefined ? run() : gate(effect, run);
      }),
    );
    await recover(deps);
    const life: Life = {
      deps,
      events,
      problems,
      die: () => {
        dead = true;
        lives.delete(life);
        link.disconnect();
        closeEngine(deps);
        readiness[Symbol.dispose]();
        store.close();
      },
    };
    lives.add(life);
    return life;
  };

  return {
    paths,
    keeper,
    begin,
    [Symbol.asyncDispose]: async () => {
      for (const life of lives) {
        for (const { name } of listInstances(life.deps)) await remove(life, name);
        life.die();
      }
      await networks.close();
      keeper[Symbol.dispose]();
      unmount(paths.mountDir, MNT_DETACH);
      execFileSync('rm', ['-rf', dir]);
    },
  };
}

function logInto(problems: string[]): EngineDeps['log'] {
  const note = (context: object, message: string): void => {
    const { err, skipped } = context as { err?: unknown; skipped?: unknown };
    // Limits of the default profile whose controllers this host lacks.
    if (skipped !== undefined) return;
    const detail = err instanceof Error ? (err.stack ?? err.message) : JSON.stringify(context);
    problems.push(`${message} ${detail}`);
  };
  const quiet = (): void => undefined;
  return { debug: quiet, info: quiet, warn: note, error: note };
}

function ownMap(kind: 'uid' | 'gid'): ReturnType<typeof parseIdMap> {
  return parseIdMap(readFileSync(`/proc/self/${kind}_map`, 'utf8'));
}

/**
 * The test runner's processes start in the root of the cgroup namespace, which may hold none if it
 * is to hand controllers down. In the real thing the keeper starts in a leaf.
 */
async function leaveCgroupRoot(): Promise<void> {
  await openCgroupfs();
  for (const pid of parseCgroupProcs(readFileSync('/sys/fs/cgroup/cgroup.procs', 'utf8'))) {
    execFileSync('sh', ['-c', `echo ${pid} >/sys/fs/cgroup/keeper/cgroup.procs`]);
  }
}

/** A stopped busybox machine. */
export async function create(
  { deps }: Life,
  name: string,
  change: Partial<CreateInstanceInput> = {},
  signal = unattended.signal,
): Promise<void> {
  await createInstance(
    deps,
    {
      name,
      description: '',
      config: {},
      devices: {},
      ephemeral: false,
      profiles: undefined,
      source: { type: 'image', alias: 'busybox' },
      ...change,
    },
    { ...unattended, signal },
  );
}

export async function launch(
  life: Life,
  name: string,
  change: Partial<CreateInstanceInput> = {},
): Promise<void> {
  await create(life, name, change);
  await startInstance(life.deps, { name }, unattended);
}

export async function remove({ deps }: Life, name: string): Promise<void> {
  await deleteInstance(deps, { name, force: true }, unattended);
}

/** Runs a shell command in a machine; its output, both streams, and status. */
export async function shell(
  { deps }: Life,
  name: string,
  command: string,
): Promise<{ readonly status: number; readonly output: string }> {
  const session = await execInstance(deps, {
    name,
    command: ['sh', '-c', command],
    environment: {},
    uid: 0,
    gid: undefined,
    cwd: undefined,
    terminal: undefined,
  });
  let output = '';
  if (session.stdio.kind === 'pipes') {
    session.stdio.stdin.end();
    session.stdio.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    session.stdio.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  return { status: await session.exited, output };
}

/** Everything that machines have outside the database, to compare before and after. */
export interface Census {
  readonly mounts: readonly string[];
  readonly uppers: readonly number[];
  readonly layers: readonly string[];
  readonly runtime: readonly string[];
  readonly cgroups: readonly string[];
  readonly interfaces: readonly string[];
  readonly held: readonly string[];
  readonly guests: readonly number[];
}

export async function takeCensus({ paths, keeper }: Ground, { deps }: Life): Promise<Census> {
  const { netnsFile } = networkPlaces(paths);
  const links = existsSync(netnsFile)
    ? execFileSync('nsenter', [`--net=${netnsFile}`, '--', 'ip', '-o', 'link'], {
        encoding: 'utf8',
      })
    : '';
  const points = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return {
    mounts: points.map((line) => line.split(' ')[4] ?? '').filter((at) => at.startsWith('/mnt')),
    uppers: await deps.storage.listUppers(),
    layers: (await deps.storage.listLayers()).sort(),
    runtime: await deps.runtime.list(),
    cgroups: readdirSync('/sys/fs/cgroup/machines', { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name),
    interfaces: [...links.matchAll(/^\d+: ([^:@]+)/gm)].map((match) => match[1] ?? '').sort(),
    held: keeper.names(),
    guests: guests(),
  };
}

/**
 * Waits for the kernel to take away interfaces whose machine is gone, which it does in its own
 * time.
 */
export async function settle(ground: Ground, life: Life): Promise<void> {
  await until('no interface of a machine is left', async () => {
    const { interfaces } = await takeCensus(ground, life);
    return !interfaces.some((name) => name.startsWith('veth'));
  });
}

/** Polls until `check` answers true. */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`not in time: ${what}`);
    await sleep(10);
  }
}

/**
 * A ground whose image and switch are made, its first life, and what there is without a machine: to
 * compare with after each test.
 */
export async function layEmptyGround(
  gate?: Gate,
): Promise<{ readonly ground: Ground; readonly life: Life; readonly empty: Census }> {
  const ground = await layGround();
  const life = await ground.begin(gate);
  await launch(life, 'first');
  return { ground, life, empty: await clear(ground, life) };
}

/** Removes every machine of a life and waits for what goes by itself; what is left then. */
export async function clear(ground: Ground, life: Life): Promise<Census> {
  for (const { name } of listInstances(life.deps)) await remove(life, name);
  await settle(ground, life);
  return await takeCensus(ground, life);
}

/**
 * Has the daemon of `life` die as `effect` of `work` is asked for, after `before`; the next one
 * begins.
 */
export async function dieAt(
  { ground, life, fault }: { readonly ground: Ground; readonly life: Life; readonly fault: Fault },
  effect: string,
  work: () => Promise<unknown>,
  before: () => unknown = () => undefined,
): Promise<Life> {
  const died = new Promise<void>((resolve) => {
    fault.arm(effect, () => {
      before();
      life.die();
      resolve();
      return forever();
    });
  });
  await Promise.race([
    died,
    work().then(() => {
      throw new Error(`there was no ${effect}, but ${fault.trail.join(', ')}`);
    }),
  ]);
  fault.arm();
  return await ground.begin(fault.gate);
}
