import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { hostPath } from '../../../../src/base/brand.ts';
import type { ExitRecord } from '../../../../src/contract/keeper.ts';
import { pathsIn, type Paths } from '../../../../src/contract/paths.ts';
import { closeEngine, createEngine } from '../../../../src/engine/engine.ts';
import { recover } from '../../../../src/engine/recovery/recover.ts';
import type { EngineDeps, KeeperLink, LifecycleEvent } from '../../../../src/engine/types.ts';
import { makeImages } from '../../../../src/image/images.ts';
import { makeNetworks } from '../../../../src/network/networks.ts';
import { makeRuntime } from '../../../../src/runtime/runtime.ts';
import { makeStorage } from '../../../../src/storage/storage.ts';
import { openStore } from '../../../../src/store/open.ts';
import { MNT_DETACH, unmount } from '../../../../src/sys/kernel/mount.ts';
import { becomeSubreaper, duplicateFd } from '../../../../src/sys/kernel/process.ts';
import { openReadiness } from '../../../../src/sys/kernel/readiness.ts';
import { closeFd } from '../../../../src/sys/kernel/socket.ts';
import { findEndedChild, reap } from '../../../../src/sys/kernel/wait.ts';
import {
  readBootId,
  readProcessStat,
  readProcessStatus,
} from '../../../../src/sys/proc/identity.ts';
import { parseIdMap } from '../../../../src/sys/proc/idmap.ts';

/** Stands for the keeper: subreaper, journal and descriptor store, within this process. */
export interface TestKeeper {
  /** A daemon's connection: what it has not settled is pending for the next. */
  connect(): KeeperLink & { disconnect(): void };
  /** Forgets everything, as a keeper that was killed. */
  forget(): void;
  stop(): void;
}

export function startKeeper(): TestKeeper {
  becomeSubreaper();
  const journal: ExitRecord[] = [];
  const held = new Map<string, number>();
  const listeners = new Set<(exit: ExitRecord) => void>();
  let sequence = 0;
  const timer = setInterval(() => {
    for (let child = findEndedChild(); child !== undefined; child = findEndedChild()) {
      const { pid, kind, value } = child;
      // What Node spawned is Node's to reap; machines have a pid namespace of their own.
      if ((readProcessStatus(pid)?.namespacePids.length ?? 0) < 2) return;
      const exit: ExitRecord = {
        sequence: ++sequence,
        pid,
        startTime: readProcessStat(pid)?.startTime ?? 0,
        bootId: readBootId(),
        exit: { kind, value },
        at: new Date().toISOString(),
      };
      journal.push(exit);
      reap(pid);
      for (const listener of listeners) listener(exit);
    }
  }, 5);
  return {
    connect() {
      const own = new Set<(exit: ExitRecord) => void>();
      return {
        keeperPid: process.pid,
        pendingExits: [...journal],
        onExit: (listener) => {
          own.add(listener);
          listeners.add(listener);
          return { [Symbol.dispose]: () => listeners.delete(listener) };
        },
        forgetExits: (upTo) => {
          while (journal[0] !== undefined && journal[0].sequence <= upTo) journal.shift();
          return Promise.resolve();
        },
        store: (name, _kind, fd) => {
          const old = held.get(name);
          if (old !== undefined) closeFd(old);
          held.set(name, duplicateFd(fd));
          return Promise.resolve();
        },
        fetch: (name) => {
          const fd = held.get(name);
          const answer =
            fd === undefined ? undefined : { fd: duplicateFd(fd), drained: Buffer.alloc(0) };
          return Promise.resolve(answer);
        },
        drop: (name) => {
          const fd = held.get(name);
          if (fd !== undefined) closeFd(fd);
          held.delete(name);
          return Promise.resolve();
        },
        names: () => [...held.keys()],
        disconnect: () => {
          for (const listener of own) listeners.delete(listener);
        },
      };
    },
    forget() {
      for (const fd of held.values()) closeFd(fd);
      held.clear();
      journal.length = 0;
    },
    stop() {
      clearInterval(timer);
      for (const fd of held.values()) closeFd(fd);
    },
  };
}

/** One life of a daemon over paths and kernel objects that outlive it. */
export interface Life {
  readonly deps: EngineDeps;
  readonly events: LifecycleEvent[];
  readonly problems: string[];
  /** Ends it the way SIGKILL does, as far as one process can: nothing is put in order. */
  die(): void;
}

export interface Ground extends AsyncDisposable {
  readonly paths: Paths;
  readonly keeper: TestKeeper;
  begin(change?: Partial<EngineDeps>): Promise<Life>;
}

export function layGround(): Ground {
  const dir = mkdtempSync(join(tmpdir(), 'wengine-'));
  const paths = pathsIn(`${dir}/data`, `${dir}/run`);
  for (const path of [paths.dataDir, paths.runtimeDir, paths.logDir, paths.imagesDir]) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  }
  const keeper = startKeeper();
  const lives: (Life & { close(): Promise<void> })[] = [];

  const begin = async (change: Partial<EngineDeps> = {}): Promise<Life> => {
    const problems: string[] = [];
    const events: LifecycleEvent[] = [];
    const note = (context: object, message: string): void => {
      const { err } = context as { err?: unknown };
      problems.push(
        `${message} ${err instanceof Error ? (err.stack ?? err.message) : JSON.stringify(context)}`,
      );
    };
    const quiet = (): void => undefined;
    const log = { debug: quiet, info: quiet, warn: note, error: note };
    const readiness = openReadiness();
    const link = keeper.connect();
    const networks = makeNetworks({ paths, log });
    const store = openStore(paths.database);
    const deps = createEngine({
      store,
      storage: await makeStorage({ paths, log }),
      images: makeImages({ paths, log, hostArchitecture: 'x86_64' }),
      runtime: await makeRuntime({ paths, readiness, program: 'crun', bus: {}, log }),
      networks,
      keeper: link,
      events: { lifecycle: (event) => events.push(event) },
      log,
      paths,
      ids: { user: 'tester', u0: { uid: idMap('uid'), gid: idMap('gid') } },
      profilesDir: hostPath(join(import.meta.dirname, '../../../../profiles')),
      bootId: readBootId(),
      architecture: 'x86_64',
      now: () => Date.now(),
      ...change,
    });
    await recover(deps);
    const life = {
      deps,
      events,
      problems,
      die: () => {
        link.disconnect();
        closeEngine(deps);
        readiness[Symbol.dispose]();
        store.close();
        lives.splice(lives.indexOf(life), 1);
      },
      close: async () => {
        await networks.close();
        life.die();
      },
    };
    lives.push(life);
    return life;
  };

  return {
    paths,
    keeper,
    begin,
    [Symbol.asyncDispose]: async () => {
      for (const life of [...lives]) await life.close();
      keeper.stop();
      try {
        unmount(paths.mountDir, MNT_DETACH);
      } catch {
        // Storage was never made.
      }
      execFileSync('rm', ['-rf', dir]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function idMap(kind: 'uid' | 'gid'): ReturnType<typeof parseIdMap> {
  return parseIdMap(readFileSync(`/proc/self/${kind}_map`, 'utf8'));
}

/** Polls until `check` answers true. */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (await check()) return;
    await sleep(20);
  }
  throw new Error(`not in time: ${what}`);
}
