import { readFileSync, rmSync, writeFileSync } from 'node:fs';

import type { ProcessIdentity } from '../../base/process-identity.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { Child } from '../../sys/kernel/children.ts';
import { setCpuAffinity } from '../../sys/kernel/process.ts';
import { startProgram } from '../../sys/programs/quiet.ts';
import type { OciProgram } from '../crun.ts';
import { formatSpec } from '../oci/spec.ts';
import type { OciProcess } from '../oci/types.ts';
import { sendSignal } from '../processes.ts';
import { execStatus, explainFailure } from './exit-code.ts';
import { findInside, killWithCompany } from './inside.ts';

/** How long the OCI runtime may take from being started to having started the command. */
const startPollMs = 5;
/** How long it may outlive a command that was killed. */
const reapMs = 2000;

export interface RuntimeExec {
  /** Pids of the machine, for `kill`. */
  readonly candidates: () => readonly number[];
  readonly oci: OciProgram;
  /** CPUs of this process, and those that the command is to have instead. */
  readonly own: readonly number[];
  readonly cpus?: readonly number[] | undefined;
  /** Prefix of the files of this exec, in the machine's bundle. */
  readonly base: string;
  readonly name: string;
}

/** A `crun exec` under way and the process it started. */
export interface RunningExec {
  readonly exited: Promise<number>;
  /** The OCI runtime's own words when it failed, once `exited` has settled. */
  readonly failure: () => string;
  /** Ours instead, for why a command could not be run; undefined when it ran or we have none. */
  readonly explanation: () => string | undefined;
  readonly signal: (signal: number) => void;
  readonly kill: (pipes: ReadonlySet<string>) => void;
}

/** Starts the OCI runtime's `exec`. Throws `program_failed` when there is no such program. */
export function runExec(
  { oci, own, cpus = own, base, name, candidates }: RuntimeExec,
  document: OciProcess,
  stdio: readonly [number, number, number] | 'ignore',
  consoleSocket: string | undefined,
): RunningExec {
  const [documentFile, pidFile, logFile] = [`${base}.json`, `${base}.pid`, `${base}.log`];
  const removeFiles = (): void => {
    for (const file of [documentFile, pidFile, logFile]) rmSync(file, { force: true });
  };
  writeFileSync(documentFile, formatSpec(document), { mode: 0o600 });
  const args = [
    ...oci.globalArgs,
    '--log',
    logFile,
    'exec',
    '--process',
    documentFile,
    '--pid-file',
    pidFile,
    ...(consoleSocket === undefined ? [] : ['--console-socket', consoleSocket]),
    name,
  ];
  let child: Child;
  try {
    const fds = stdio === 'ignore' ? [null, null, null] : stdio;
    const start = (): Child => startProgram(oci.program, args, { env: oci.env, fds });
    child = cpus === own ? start() : startOn(cpus, own, start);
  } catch (error) {
    removeFiles();
    const what = `run a command in ${name}`;
    const details = { what, program: oci.program, outcome: 'could not be started', output: '' };
    throw new WarrenError('program_failed', details, { cause: error });
  }
  let hasEnded = false;
  let failure = '';
  const exited = child.ended.then((status) => {
    hasEnded = true;
    failure = status.kind === 'exited' && status.value === 0 ? '' : readLog(logFile);
    removeFiles();
    return execStatus(status, failure);
  });
  const withInside = whenStarted(pidFile, child.pid, () => hasEnded);
  return {
    exited,
    failure: () => failure,
    explanation: () => explainFailure(failure, document.args[0] ?? '', document.cwd),
    signal: (signal) => {
      withInside((inside) => {
        sendSignal(inside, signal);
      });
    },
    kill: (pipes) => {
      withInside((inside) => {
        killWithCompany(inside, candidates(), pipes);
        // The command is gone; the OCI runtime has nothing left to wait for.
        setTimeout(() => {
          child.kill('SIGKILL');
        }, reapMs).unref();
      });
    },
  };
}

/** A child begins with the CPUs of the thread that forks it, which is ours, and at once. */
function startOn<T>(cpus: readonly number[], own: readonly number[], start: () => T): T {
  setCpuAffinity(0, cpus);
  try {
    return start();
  } finally {
    setCpuAffinity(0, own);
  }
}

/** Runs callbacks with the process inside, as soon as there is one; never when crun ends before. */
function whenStarted(
  pidFile: string,
  runtimePid: number,
  hasEnded: () => boolean,
): (use: (inside: ProcessIdentity) => void) => void {
  let inside: ProcessIdentity | undefined;
  const attempt = (use: (inside: ProcessIdentity) => void): void => {
    if (hasEnded()) return;
    inside ??= findInside(pidFile, runtimePid);
    if (inside === undefined) setTimeout(attempt, startPollMs, use);
    else use(inside);
  };
  return attempt;
}

function readLog(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
