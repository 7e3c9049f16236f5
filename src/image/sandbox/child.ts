import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { PassThrough, pipeline, type Readable, type Writable } from 'node:stream';

import { programEnvironment } from '../../sys/programs/environment.ts';

export interface ChildEnd {
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  /** The end of standard error. */
  readonly errorText: string;
}

/** A running program with streams, for data too large to be held. */
export interface Child {
  readonly pid: number;
  /** Undefined unless it was asked for as a pipe. */
  readonly stdin: Writable | undefined;
  /** Waits for a reader, however late. Must be read to its end, or the child be killed. */
  readonly stdout: Readable;
  /** Settles, once, after the program ended and closed its streams. Never rejects. */
  readonly ended: Promise<ChildEnd>;
  kill(): void;
}

const keptErrorBytes = 16 * 1024;
const bufferBytes = 256 * 1024;

export interface StartOptions {
  /** A file descriptor, a pipe to write to, or nothing. The caller closes the descriptor. */
  readonly stdin: number | 'pipe' | 'ignore';
  /** Called with each whole line of standard error. */
  readonly onErrorLine?: ((line: string) => void) | undefined;
}

/** Starts a program with the environment of all our programs. Rejects when it cannot be started. */
export async function startChild(
  program: string,
  args: readonly string[],
  { stdin, onErrorLine }: StartOptions,
): Promise<Child> {
  const stdio: StdioOptions = [stdin, 'pipe', 'pipe'];
  const process = spawn(program, args, { env: programEnvironment(), stdio, cwd: '/' });
  const ended = watch(process, onErrorLine);
  await new Promise((resolve, reject) => {
    process.once('spawn', resolve);
    process.once('error', reject);
  });
  const { pid, stdout: pipe } = process;
  if (pid === undefined || pipe === null) throw new Error(`${program} has no pid`);
  // Node throws away what a child that has ended left in a pipe which nobody reads yet.
  const stdout = new PassThrough({ highWaterMark: bufferBytes });
  // A child that ends early breaks the pipe; what matters is then its exit status.
  pipeline(pipe, stdout, () => undefined);
  stdout.on('error', () => undefined);
  process.stdin?.on('error', () => undefined);
  return {
    pid,
    stdin: process.stdin ?? undefined,
    stdout,
    ended,
    kill() {
      process.kill('SIGKILL');
      process.stdin?.destroy();
      stdout.destroy();
    },
  };
}

async function watch(
  process: ChildProcess,
  onErrorLine: ((line: string) => void) | undefined,
): Promise<ChildEnd> {
  let kept = '';
  let line = '';
  process.stderr?.setEncoding('latin1').on('data', (text: string) => {
    kept = (kept + text).slice(-keptErrorBytes);
    if (onErrorLine === undefined) return;
    const lines = (line + text).split('\n');
    line = (lines.pop() ?? '').slice(-keptErrorBytes);
    for (const whole of lines) onErrorLine(whole);
  });
  return new Promise((resolve) => {
    process.once('close', (exitCode, signal) => {
      resolve({
        exitCode: exitCode ?? undefined,
        signal: signal ?? undefined,
        errorText: Buffer.from(kept, 'latin1').toString('utf8'),
      });
    });
    process.once('error', () => {
      resolve({ exitCode: undefined, signal: undefined, errorText: '' });
    });
  });
}
