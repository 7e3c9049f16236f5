import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';

import { hostPath } from '../base/brand.ts';
import { isWarrenError, WarrenError } from '../contract/errors.ts';
import { noSpaceToStart } from '../contract/host.ts';
import { pathsIn } from '../contract/paths.ts';
import { closeEngine, createEngine } from '../engine/engine.ts';
import { openRootOf } from '../engine/instances/root-of.ts';
import { connectKeeper } from '../engine/keeper/link.ts';
import { startPeriodicWork } from '../engine/periodic.ts';
import { autostart } from '../engine/recovery/autostart.ts';
import { recover } from '../engine/recovery/recover.ts';
import { measureSnapshots } from '../engine/snapshots/measure.ts';
import { makeImages } from '../image/images.ts';
import { makeNetworks } from '../network/networks.ts';
import { makeRuntime } from '../runtime/runtime.ts';
import { makeStorage } from '../storage/storage.ts';
import { openStore } from '../store/open.ts';
import { openReadiness } from '../sys/kernel/readiness.ts';
import { mapsRealRoot, parseIdMap } from '../sys/proc/idmap.ts';
import { hostPolicy } from '../sys/policy.ts';
import { readBootId } from '../sys/proc/identity.ts';
import { ensureCertificate } from './certificate.ts';
import { describeEnvironment } from './environment.ts';
import { EventHub } from './events/hub.ts';
import { lifecycleSink } from './events/lifecycle.ts';
import { asWarrenError } from './failures.ts';
import { createLogger } from './log.ts';
import { Operations } from './operations/registry.ts';
import { startRecordExpiry } from './record-expiry.ts';
import { refuseAll } from './refusal.ts';
import { uploadsDir } from './routes/images/upload.ts';
import { followInstances } from './routes/instances/records.ts';
import { createDaemonServer } from './server.ts';

import type { Logger } from 'pino';
import type { Paths } from '../contract/paths.ts';
import type { EngineDeps, HostIds } from '../engine/types.ts';
import type { KeeperConnection } from '../engine/keeper/link.ts';
import type { DaemonContext } from './context.ts';
import type { DaemonServer } from './server.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The API's listening socket, which the keeper hands down. */
const listenFd = 3;
/** How long work under way may take to give up when the daemon leaves. */
const giveUpMs = 10_000;

const architectures: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: 'x86_64',
  arm64: 'aarch64',
  arm: 'armv7l',
  ia32: 'i686',
  ppc64: 'ppc64le',
  loong64: 'loongarch64',
};

/**
 * The daemon: started by the keeper, in U0, with the listening socket as descriptor 3. This is the
 * only place that puts the layers together. Resolves when it serves; it ends by `process.exit`.
 */
export async function daemonMain(env: Environment): Promise<void> {
  const ids = readIds(env);
  const paths = pathsIn(wanted(env, 'WARREN_DATA_DIR'), wanted(env, 'WARREN_RUNTIME_DIR'));
  process.umask(0o077);
  mkdirSync(paths.logDir, { recursive: true, mode: 0o700 });
  const events = new EventHub();
  const log = createLogger(paths.daemonLog, events, env['WARREN_LOG_LEVEL']);
  logBugs(log);
  log.info({ version: readVersion() }, 'the daemon starts');
  try {
    for (const dir of [paths.imagesDir, paths.instancesDir, paths.volumesDir]) {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
    }
    await serve(env, { ids, paths, events, log });
  } catch (error) {
    log.fatal({ err: error }, 'the daemon cannot start');
    const what = 'start the daemon';
    const known = asWarrenError(error, { log, logPath: paths.daemonLog, what });
    const isFull = isWarrenError(known, 'no_space');
    await refuseAll(listenFd, isFull ? noSpaceToStart(paths.dataDir) : known);
    throw error;
  }
}

interface Ground {
  readonly ids: HostIds;
  readonly paths: Paths;
  readonly events: EventHub;
  readonly log: Logger;
}

async function serve(env: Environment, ground: Ground): Promise<void> {
  const { paths, events, log } = ground;
  const startedAt = new Date().toISOString();
  const version = readVersion();
  const architecture = architectures[process.arch] ?? process.arch;
  const program = env['WARREN_OCI_RUNTIME'] ?? 'crun';
  const environment = describeEnvironment({
    architecture,
    certificate: ensureCertificate(paths.dataDir, hostname()),
    driver: program,
    version,
  });
  rmSync(uploadsDir(paths), { recursive: true, force: true });
  const keeper = await connectKeeper(paths.keeperSocket);
  const engine = await openEngine(env, ground, { keeper, architecture, program });
  await recover(engine);
  followInstances(events, paths, (error) => {
    log.warn({ err: error }, 'recorded output does not follow its machine');
  });

  const operations = makeOperations({ events, log, paths });
  const ending = new AbortController();
  const holder: { server?: DaemonServer } = {};
  const leave = leaver({ engine, operations, keeper, log, ending, server: () => holder.server });
  const context: DaemonContext = {
    engine,
    operations,
    events,
    log,
    environment: await environment,
    startedAt,
    version,
    lifecycle: { leave },
  };
  const server = await createDaemonServer(context, process.getuid?.() ?? 0);
  holder.server = server;
  keeper.onClosed(() => {
    log.warn('the keeper has ended, and the daemon with it');
    leave({ again: false });
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      leave({ again: false });
    });
  }
  await server.listen({ fd: listenFd });
  await keeper.ready();
  log.info({ pid: process.pid, tier: engine.storage.tier }, 'the daemon serves');
  const work = { signal: ending.signal, progress: () => undefined };
  const periodic = startPeriodicWork(engine, work);
  const expiry = startRecordExpiry(paths, (error) => {
    log.warn({ err: error }, 'recorded output was not removed');
  });
  ending.signal.addEventListener('abort', () => {
    periodic[Symbol.dispose]();
    expiry[Symbol.dispose]();
  });
  autostart(engine, work)
    .then(() => measureSnapshots(engine, work))
    .catch((error: unknown) => {
      if (!ending.signal.aborted) log.error({ err: error }, 'bug: autostart');
    });
}

/** Opens every layer and puts the engine upon them. */
async function openEngine(
  env: Environment,
  { ids, paths, events, log }: Ground,
  host: {
    readonly keeper: KeeperConnection;
    readonly architecture: string;
    readonly program: string;
  },
): Promise<EngineDeps> {
  const { keeper, architecture, program } = host;
  const store = openStore(paths.database, findNativeBinding());
  // First: it lays the file system at `mountDir` that the others stand on.
  const storage = await makeStorage({ paths, log });
  const readiness = openReadiness();
  const bus = {
    XDG_RUNTIME_DIR: env['XDG_RUNTIME_DIR'],
    DBUS_SESSION_BUS_ADDRESS: env['DBUS_SESSION_BUS_ADDRESS'],
  };
  return createEngine({
    store,
    storage,
    images: makeImages({ paths, log, hostArchitecture: architecture, ociRuntime: program }),
    runtime: await makeRuntime({
      paths,
      readiness,
      program,
      bus,
      cgroupDir: env['WARREN_CGROUP_DIR'],
      log,
    }),
    networks: makeNetworks({ paths, log, openFiles: openRootOf }),
    keeper,
    events: lifecycleSink(events),
    log,
    paths,
    ids,
    policy: hostPolicy(),
    profilesDir: hostPath(fileURLToPath(new URL('../../profiles', import.meta.url))),
    bootId: readBootId(),
    architecture,
    now: () => Date.now(),
  });
}

/**
 * In an installed tree the compiled part of SQLite lies in dist; run from source it is where npm
 * put it.
 */
function findNativeBinding(): string | undefined {
  const path = fileURLToPath(new URL('../native/better_sqlite3.node', import.meta.url));
  return existsSync(path) ? path : undefined;
}

function makeOperations({ events, log, paths }: Omit<Ground, 'ids'>): Operations {
  return new Operations({
    onChange: (operation, project) => {
      events.emit('operation', operation, project);
    },
    explain: (error, { id, what }) =>
      asWarrenError(error, { log, logPath: paths.daemonLog, what, operation: id }),
  });
}

interface LeaveDeps {
  readonly engine: EngineDeps;
  readonly operations: Operations;
  readonly keeper: KeeperConnection;
  readonly log: Logger;
  readonly ending: AbortController;
  readonly server: () => DaemonServer | undefined;
}

/**
 * How the daemon ends on purpose: it takes no more connections, lets work under way give up, lets
 * go of the machines, which go on, and says so to the keeper. With `keeper` that ends as well.
 */
function leaver(deps: LeaveDeps): DaemonContext['lifecycle']['leave'] {
  const { engine, operations, keeper, log, ending } = deps;
  const leave = async ({ again, keeper: endKeeper = false }: LeaveOptions): Promise<void> => {
    deps.server()?.stopListening();
    await operations.close(giveUpMs);
    await deps.server()?.close();
    closeEngine(engine);
    await engine.storage.close(giveUpMs);
    if (endKeeper) {
      await engine.networks.close();
      await keeper.shutdown();
    } else {
      await keeper.leaving(again);
    }
    engine.store.close();
    keeper.close();
  };
  return (options) => {
    if (ending.signal.aborted) return;
    ending.abort();
    log.info(options, 'the daemon leaves');
    leave(options)
      .catch((error: unknown) => {
        log.warn({ err: error }, 'the daemon could not leave in good order');
      })
      .finally(() => {
        process.exit(0);
      });
  };
}

type LeaveOptions = Parameters<DaemonContext['lifecycle']['leave']>[0];

/** Throws `real_root` outside a user namespace whose root is an ordinary user. */
function readIds(env: Environment): HostIds {
  const [uid, gid] = ['uid_map', 'gid_map'].map((file) =>
    parseIdMap(readFileSync(`/proc/self/${file}`, 'utf8')),
  );
  if (uid === undefined || gid === undefined) throw new Error('unreachable');
  if (mapsRealRoot(uid)) throw new WarrenError('real_root', {});
  if (process.getuid?.() !== 0) {
    const why = 'it is started by the keeper, in a user namespace of its own';
    throw new WarrenError('forbidden', { what: 'run warrend', why });
  }
  return { user: env['USER'] ?? env['LOGNAME'] ?? 'you', u0: { uid, gid } };
}

function wanted(env: Environment, name: string): string {
  const value = env[name];
  if (value?.startsWith('/') === true) return value;
  throw new WarrenError('invalid', {
    what: 'start the daemon',
    issues: [{ path: name, problem: 'is no absolute path' }],
  });
}

/**
 * A rejection nobody handles is a bug that others need not suffer from; an exception is the end.
 */
function logBugs(log: Logger): void {
  process.on('unhandledRejection', (error) => {
    log.error({ err: error }, 'bug: unhandled rejection');
  });
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'bug: uncaught exception');
    process.exit(1);
  });
}

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
