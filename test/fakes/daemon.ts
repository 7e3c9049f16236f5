import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { hostPath } from '../../src/base/brand.ts';
import { pathsIn } from '../../src/contract/paths.ts';
import { policyFile } from '../../src/contract/policy/policy.ts';
import { ensureCertificate } from '../../src/daemon/certificate.ts';
import { describeEnvironment } from '../../src/daemon/environment.ts';
import { EventHub } from '../../src/daemon/events/hub.ts';
import { lifecycleSink } from '../../src/daemon/events/lifecycle.ts';
import { asWarrenError } from '../../src/daemon/failures.ts';
import { createLogger } from '../../src/daemon/log.ts';
import { Operations } from '../../src/daemon/operations/registry.ts';
import { createDaemonServer } from '../../src/daemon/server.ts';
import { closeEngine, createEngine } from '../../src/engine/engine.ts';
import { recover } from '../../src/engine/recovery/recover.ts';
import { openStore } from '../../src/store/open.ts';
import { readBootId } from '../../src/sys/proc/identity.ts';
import { fakeImages } from './images.ts';
import { fakeKeeper } from './keeper.ts';
import { fakeNetworks } from './networks.ts';
import { fakeRuntime } from './runtime.ts';
import { fakeStorage } from './storage.ts';

import type { Paths } from '../../src/contract/paths.ts';
import type { DaemonContext } from '../../src/daemon/context.ts';
import type { PolicyState } from '../../src/contract/policy/policy.ts';
import type { FakeRuntime } from './runtime.ts';

export interface TestDaemon extends AsyncDisposable {
  readonly socket: string;
  readonly dir: string;
  readonly context: DaemonContext;
  readonly runtime: FakeRuntime;
  /** What was asked of the process itself. */
  readonly left: { readonly again: boolean }[];
}

/**
 * The real server, engine and database on a real socket; only what needs the kernel's help (mounts,
 * namespaces, networks) is a fake.
 */
export async function openDaemon(
  options: {
    readonly uid?: number;
    readonly keepMs?: number;
    /** What the administrator says, as the daemon reads it before each check. */
    readonly policy?: () => PolicyState;
    /** Makes what an earlier warren has left in the directory. */
    readonly before?: (paths: Paths) => void;
  } = {},
): Promise<TestDaemon> {
  const dir = mkdtempSync(join(tmpdir(), 'warrend-'));
  const paths = pathsIn(dir, dir);
  mkdirSync(paths.logDir, { mode: 0o700 });
  mkdirSync(paths.imagesDir, { mode: 0o700 });
  options.before?.(paths);
  const events = new EventHub();
  const log = createLogger(paths.daemonLog, events);
  const bootId = readBootId();
  const keeper = fakeKeeper();
  const runtime = fakeRuntime(bootId, (init, signal) => {
    keeper.announce({ ...init, exit: { kind: 'killed', value: signal } });
  });
  const store = openStore(paths.database);
  const engine = createEngine({
    store,
    storage: fakeStorage(paths),
    images: fakeImages(),
    runtime,
    networks: fakeNetworks(),
    keeper,
    events: lifecycleSink(events),
    log,
    paths,
    ids: {
      user: 'tester',
      u0: {
        uid: [
          { inside: 0, outside: 1000, count: 1 },
          { inside: 1, outside: 100_000, count: 65_536 },
        ],
        gid: [
          { inside: 0, outside: 1000, count: 1 },
          { inside: 1, outside: 100_000, count: 65_536 },
        ],
      },
    },
    policy: { file: policyFile, read: options.policy ?? (() => ({ kind: 'none' })) },
    profilesDir: hostPath(join(import.meta.dirname, '../../profiles')),
    bootId,
    architecture: 'x86_64',
    now: () => Date.now(),
  });
  await recover(engine);
  const left: { again: boolean }[] = [];
  const context: DaemonContext = {
    engine,
    events,
    log,
    operations: new Operations({
      onChange: (operation, project) => {
        events.emit('operation', operation, project);
      },
      explain: (error, { id, what }) =>
        asWarrenError(error, { log, logPath: paths.daemonLog, what, operation: id }),
      ...(options.keepMs === undefined ? {} : { keepMs: options.keepMs }),
    }),
    environment: await describeEnvironment({
      architecture: 'x86_64',
      certificate: ensureCertificate(dir, 'test'),
      driver: 'crun',
      version: '0.0.0',
    }),
    startedAt: new Date().toISOString(),
    version: '0.0.0',
    lifecycle: {
      leave: (how) => {
        left.push(how);
      },
    },
  };
  const server = await createDaemonServer(context, options.uid ?? process.getuid?.() ?? 0);
  await server.listen({ path: paths.socket });
  return {
    socket: paths.socket,
    dir,
    context,
    runtime,
    left,
    [Symbol.asyncDispose]: async () => {
      await context.operations.close(2_000);
      await server.close();
      closeEngine(engine);
      store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
