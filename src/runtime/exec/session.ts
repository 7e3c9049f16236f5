import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';

import { WarrenError } from '../../contract/errors.ts';
import { programEnvironment } from '../../sys/programs/run.ts';
import type { OciProgram } from '../crun.ts';
import { formatSpec } from '../oci/spec.ts';
import type { OciProcess } from '../oci/types.ts';
import { sendSignal } from '../processes.ts';
import type { ProcessIdentity } from '../types.ts';
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
export async function runExec(
  { oci, base, name, candidates }: RuntimeExec,
  document: OciProcess,
  stdio: readonly [number, number, number] | 'ignore',
  consoleSocket: string | undefined,
): Promise<RunningExec> {
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
  const child = spawn(oci.program, args, {
    stdio: stdio === 'ignore' ? 'ignore' : [...stdio],
    env: programEnvironment(oci.env),
    cwd: '/',
  });
  let failure = '';
  const exited = new Promise<number>((resolve) => {
    child.once('exit', (code, signalName) => {
      failure = code === 0 ? '' : readLog(logFile);
      removeFiles();
      const signal = signalName === null ? undefined : constants.signals[signalName];
      resolve(execStatus({ code, signal, log: failure }));
    });
  });
  try {
    await once(child, 'spawn');
  } catch (error) {
    removeFiles();
    const what = `run a command in ${name}`;
    const details = { what, program: oci.program, outcome: 'could not be started', output: '' };
    throw new WarrenError('program_failed', details, { cause: error });
  }
  const withInside = whenStarted(child, pidFile);
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
        setTimeout(() => child.kill('SIGKILL'), reapMs).unref();
      });
    },
  };
}

/** Runs callbacks with the process inside, as soon as there is one; never when crun ends before. */
function whenStarted(
  child: ChildProcess,
  pidFile: string,
): (use: (inside: ProcessIdentity) => void) => void {
  let inside: ProcessIdentity | undefined;
  const attempt = (use: (inside: ProcessIdentity) => void): void => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    inside ??= findInside(pidFile, child.pid);
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
