import { openSync } from 'node:fs';

import { backoffMs } from '../base/backoff.ts';
import type { DaemonRecord } from '../contract/keeper.ts';
import { hasEnded, pidfdOpen, pidfdSendSignal } from '../sys/kernel/process.ts';
import { acceptConnection, closeFd } from '../sys/kernel/socket.ts';
import { spawnChild } from '../sys/kernel/spawn.ts';
import type { WaitStatus } from '../sys/kernel/wait.ts';
import { isRunning, processIdentity } from '../sys/proc/identity.ts';
import { hasErrno } from '../sys/sys-error.ts';
import type { Log } from './log.ts';
import type { Loop, Watch } from './loop.ts';
import { readRecord, removeRecord, writeRecord } from './record.ts';

const SIGTERM = 15;
const SIGKILL = 9;
const firstDelayMs = 100;
const maxDelayMs = 30_000;
/** A daemon that served for so long was well: its death starts the back-off anew. */
const wellAfterMs = 2000;
const graceMs = 10_000;

export interface SupervisorOptions {
  readonly loop: Loop;
  readonly log: Log;
  /** Absolute path of the program first. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The API's listening socket: descriptor 3 of the daemon. */
  readonly apiFd: number;
  readonly nullFd: number;
  readonly logPath: string;
  readonly recordPath: string;
  /** The daemon has ended and nothing of it will read a console any more. */
  readonly onEnded: () => void;
}

/**
 * Keeps one daemon. None runs at first: a client that connects to the API's socket, which only is
 * polled and never accepted from here, has it started. One that dies is started again, with
 * back-off; one that said it would leave is not, until the next client.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #api: Watch;
  #pid: number | undefined;
  #servesSinceMs: number | undefined;
  #failures = 0;
  #intent: 'serve' | 'leave' | 'restart' = 'serve';
  #delay: Disposable | undefined;
  #whenEnded: (() => void) | undefined;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#api = options.loop.watch(options.apiFd, 'none', ({ readable }) => {
      if (readable) this.#onClient();
    });
  }

  /** Of the daemon that runs, if one does. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** Begins, once a daemon that a killed keeper left behind is out of the way. */
  begin(): void {
    const old = readRecord<DaemonRecord>(this.#options.recordPath);
    if (isIdentity(old) && isRunning(old)) {
      this.#options.log(`daemon ${old.pid} of an earlier keeper is being ended`);
      this.#evict(old.pid);
    } else {
      removeRecord(this.#options.recordPath);
      this.#rest();
    }
  }

  /** The daemon answers clients. */
  ready(): void {
    this.#servesSinceMs = performance.now();
  }

  /** The daemon says that it will end on purpose. */
  leaving(again: boolean): void {
    this.#intent = again ? 'restart' : 'leave';
  }

  /** Ends the daemon, if one runs, and starts no other. */
  end(whenEnded: () => void): void {
    this.#delay?.[Symbol.dispose]();
    this.#api[Symbol.dispose]();
    const pid = this.#pid;
    if (pid === undefined) {
      whenEnded();
      return;
    }
    this.#whenEnded = whenEnded;
    // It is our child and not reaped: the number is still its own.
    process.kill(pid, SIGTERM);
    this.#options.loop.after(graceMs, () => {
      if (this.#pid === pid) process.kill(pid, SIGKILL);
    });
  }

  /**
   * Has the daemon end, if one runs; the next client gets another one, with the sockets as they are
   * now.
   */
  replace(): void {
    if (this.#pid !== undefined) process.kill(this.#pid, SIGTERM);
  }

  /** Lets the daemon end by itself and starts no other. */
  endAfterDaemon(whenEnded: () => void): void {
    this.#whenEnded = whenEnded;
  }

  /** Takes note of a child that was reaped; answers whether it was the daemon. */
  ended({ pid, kind, value }: WaitStatus): boolean {
    if (pid !== this.#pid) return false;
    const { log, recordPath, onEnded } = this.#options;
    this.#pid = undefined;
    removeRecord(recordPath);
    log(`daemon ${pid} ${kind === 'exited' ? 'exited with' : 'was killed by signal'} ${value}`);
    onEnded();
    if (this.#whenEnded !== undefined) this.#whenEnded();
    else if (this.#intent === 'leave') this.#rest();
    else if (this.#intent === 'restart') this.#start();
    else this.#retry();
    return true;
  }

  #rest(): void {
    this.#failures = 0;
    this.#api.wait('read');
  }

  #retry(): void {
    const servedMs = performance.now() - (this.#servesSinceMs ?? Infinity);
    this.#failures = servedMs >= wellAfterMs ? 1 : this.#failures + 1;
    const delayMs = backoffMs(this.#failures - 1, firstDelayMs, maxDelayMs);
    this.#options.log(`the next daemon starts in ${delayMs} ms`);
    // One that never gets as far as serving cannot answer whoever waits: better an answer than a
    // wait.
    this.#api.wait(this.#servesSinceMs === undefined && this.#failures >= 2 ? 'read' : 'none');
    this.#delay = this.#options.loop.after(delayMs, () => {
      this.#delay = undefined;
      this.#start();
    });
  }

  #onClient(): void {
    if (this.#delay === undefined) {
      this.#start();
      return;
    }
    const waiting = acceptConnection(this.#options.apiFd);
    if (waiting !== undefined) closeFd(waiting);
  }

  #start(): void {
    const { argv, env, apiFd, nullFd, logPath, recordPath, log } = this.#options;
    this.#api.wait('none');
    this.#intent = 'serve';
    this.#servesSinceMs = undefined;
    const [path] = argv;
    if (path === undefined) throw new Error('no daemon program');
    let logFd: number | undefined;
    try {
      logFd = openSync(logPath, 'a', 0o600);
      const fds = [nullFd, logFd, logFd, apiFd];
      this.#pid = spawnChild({ path, argv, env, fds, cwd: '/', newSession: true });
    } catch (error) {
      log(`the daemon could not be started: ${String(error)}`);
      this.#retry();
      return;
    } finally {
      if (logFd !== undefined) closeFd(logFd);
    }
    log(`daemon ${this.#pid} started`);
    // Killed in between, we leave a daemon without a record: it ends when it finds no keeper.
    const record: DaemonRecord | undefined = processIdentity(this.#pid);
    try {
      if (record !== undefined) writeRecord(recordPath, JSON.stringify(record));
    } catch (error) {
      log(`the daemon's record could not be written: ${String(error)}`);
    }
  }

  /** Ends a process that is not our child, which only its pidfd tells of. */
  #evict(pid: number): void {
    const { loop, recordPath } = this.#options;
    let pidfd: number;
    try {
      pidfd = pidfdOpen(pid);
    } catch (error) {
      if (!hasErrno(error, 'ESRCH')) throw error;
      this.#rest();
      return;
    }
    const killLater = loop.after(graceMs, () => {
      signalUnlessGone(pidfd, SIGKILL);
    });
    const watch = loop.watch(pidfd, 'read', () => {
      if (!hasEnded(pidfd)) return;
      watch[Symbol.dispose]();
      killLater[Symbol.dispose]();
      closeFd(pidfd);
      removeRecord(recordPath);
      this.#rest();
    });
    signalUnlessGone(pidfd, SIGTERM);
  }
}

function signalUnlessGone(pidfd: number, signal: number): void {
  try {
    pidfdSendSignal(pidfd, signal);
  } catch (error) {
    if (!hasErrno(error, 'ESRCH')) throw error;
  }
}

function isIdentity(record: Partial<DaemonRecord> | undefined): record is DaemonRecord {
  return (
    typeof record?.pid === 'number' &&
    typeof record.startTime === 'number' &&
    typeof record.bootId === 'string'
  );
}
