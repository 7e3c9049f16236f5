import { closeSync, existsSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';

import { describeFailure } from '../contract/host.ts';
import { keeperListens } from '../contract/keeper.ts';
import { pathsIn, type Paths } from '../contract/paths.ts';
import { becomeSubreaper, duplicateFd } from '../sys/kernel/process.ts';
import { reapChildren } from './children.ts';
import { DescriptorStore } from './descriptors.ts';
import { daemonEnvironment } from './environment.ts';
import { ExitJournal } from './journal.ts';
import { holdLocks, type KeeperLocks } from './locks.ts';
import { logToStderr } from './log.ts';
import { Loop } from './loop.ts';
import { Pin } from './pin.ts';
import { writeRecord } from './record.ts';
import { KeeperServer } from './server.ts';
import { listenAgainAt, listenAt } from './sockets.ts';
import { Supervisor } from './supervisor.ts';

export interface KeeperInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How the daemon is run: absolute path of the program first. */
  readonly daemonArgv: readonly string[];
}

/**
 * The keeper: runs as root of U0 and child of nobody, with standard output a pipe to whoever
 * starts it and standard error its log. Says `listening` or a `HostFailure` there, then serves
 * until `shutdown` or SIGTERM. Machines are left alone either way.
 */
export function keeperMain(input: KeeperInput): void {
  try {
    serve(input);
  } catch (error) {
    logToStderr(`cannot start: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
    const place = input.env['WARREN_DATA_DIR'] ?? 'the disk';
    say(JSON.stringify(describeFailure(error, 'keeper.log', place)));
    process.exit(1);
  }
}

function serve({ env, daemonArgv }: KeeperInput): void {
  const paths = pathsIn(wanted(env, 'WARREN_DATA_DIR'), wanted(env, 'WARREN_RUNTIME_DIR'));
  const log = logToStderr;
  process.umask(0o077);
  const locks = holdLocks(paths);
  becomeSubreaper();
  const nullFd = openSync('/dev/null', 'r+');
  const cgroupDir = env['WARREN_CGROUP_DIR'];
  const { journal, apiFd, listenFd, pin } = layGround({ paths, locks, cgroupDir, nullFd });
  const loop = new Loop(log);
  const store = new DescriptorStore(loop);
  const supervisor = new Supervisor({
    loop,
    log,
    argv: daemonArgv,
    env: daemonEnvironment(env),
    apiFd,
    nullFd,
    logPath: paths.daemonLog,
    recordPath: paths.daemonRecord,
    onEnded: () => {
      store.startDraining();
    },
  });
  const finish = (): void => {
    log('ended');
    loop.stop();
    removeFiles(paths);
    // Machines need U0, and so does the next keeper to reach them.
    if (!store.holdsConsole) pin.end();
    process.exit(0);
  };
  const server = new KeeperServer({
    loop,
    log,
    listenFd,
    store,
    journal,
    supervisor,
    onShutdown: () => {
      supervisor.endAfterDaemon(finish);
    },
  });
  loop.eachTurn(() => {
    reapChildren({
      journal,
      isOwn: (status) => supervisor.ended(status) || pin.replace(status.pid, nullFd),
      onExit: (exit) => {
        server.announce(exit);
      },
    });
  });
  const listenAgain = (): void => {
    if (existsSync(paths.socket) && existsSync(paths.keeperSocket)) return;
    log(`${paths.runtimeDir} was emptied; its files are made again`);
    mkdirSync(paths.runtimeDir, { recursive: true, mode: 0o700 });
    if (statSync(paths.runtimeDir).uid !== process.getuid?.()) throw new Error('it is not ours');
    locks.renew();
    writeRecord(paths.keeperPid, `${process.pid}\n`);
    pin.record();
    listenAgainAt(paths.keeperSocket, listenFd);
    listenAgainAt(paths.socket, apiFd);
    supervisor.replace();
  };
  handleSignals({
    end: () => {
      log('told to end');
      supervisor.end(finish);
    },
    listenAgain: () => {
      try {
        listenAgain();
      } catch (error) {
        log(`the runtime directory cannot be made again: ${String(error)}`);
      }
    },
  });
  supervisor.begin();
  loop.start();
  log(`keeper ${process.pid} listens`);
  say(keeperListens);
  letGoOfOutput();
}

interface GroundInput {
  readonly paths: Paths;
  readonly locks: KeeperLocks;
  readonly cgroupDir: string | undefined;
  readonly nullFd: number;
}

interface Ground {
  readonly journal: ExitJournal;
  readonly apiFd: number;
  readonly listenFd: number;
  readonly pin: Pin;
}

/** What fails on a full disk comes first; the pin is a process and comes last. */
function layGround({ paths, locks, cgroupDir, nullFd }: GroundInput): Ground {
  try {
    const journal = new ExitJournal(paths.exitJournal, logToStderr);
    writeRecord(paths.keeperPid, `${process.pid}\n`);
    const apiFd = listenAt(paths.socket);
    const listenFd = listenAt(paths.keeperSocket);
    locks.recordHome();
    return { journal, apiFd, listenFd, pin: new Pin(paths.u0Record, cgroupDir, nullFd) };
  } catch (error) {
    removeFiles(paths);
    throw error;
  }
}

function removeFiles(paths: Paths): void {
  for (const path of [paths.keeperPid, paths.keeperSocket, paths.socket]) {
    rmSync(path, { force: true });
  }
}

/** SIGHUP: somebody finds the keeper's lock, and not its sockets. */
function handleSignals({
  end,
  listenAgain,
}: {
  readonly end: () => void;
  readonly listenAgain: () => void;
}): void {
  // SIGCHLD has nothing to do but end the wait.
  process.on('SIGCHLD', () => undefined);
  process.on('SIGHUP', listenAgain);
  let ending = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (!ending) end();
      ending = true;
    });
  }
}

/** One line for whoever started us, who may be gone. */
function say(line: string): void {
  try {
    writeSync(1, `${line}\n`);
  } catch {
    logToStderr('nobody waits for the keeper to listen');
  }
}

/** Standard output was a pipe to the host side; from now on it is the log too. */
function letGoOfOutput(): void {
  closeSync(1);
  duplicateFd(2, 1);
}

function wanted(env: KeeperInput['env'], name: string): string {
  const value = env[name];
  if (value?.startsWith('/') !== true) throw new Error(`${name} is not set to a directory`);
  return value;
}
