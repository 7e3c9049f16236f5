import { accessSync, constants as fs, openSync, readSync } from 'node:fs';
import { constants as os } from 'node:os';

import { WarrenError } from '../../contract/errors.ts';
import { startChild, type Child } from '../kernel/children.ts';
import { createMemfd } from '../kernel/memfd.ts';
import { closeFd } from '../kernel/socket.ts';
import type { WaitStatus } from '../kernel/wait.ts';
import { hasErrno, SysError } from '../sys-error.ts';
import { lastLines, programEnvironment } from './environment.ts';

/** What a program may say before writing fails for it; it is for an error sentence. */
const outputBytes = 256 * 1024;

export interface StartOptions {
  /** Added to the base environment (PATH and a C.UTF-8 locale). */
  readonly env?: Readonly<Record<string, string>>;
  /** Descriptor n of the program is a duplicate of `fds[n]`; null is /dev/null. */
  readonly fds: readonly (number | null)[];
}

export interface QuietOptions {
  /** What is being done, for the error sentence: `create web`. */
  readonly what: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/**
 * Starts a program, looked up in the PATH that it gets, in `/`: a directory that nobody has a
 * reason to unmount or remove. Throws a `SysError`: `ENOENT` when there is none.
 */
export function startProgram(
  program: string,
  args: readonly string[],
  { env, fds }: StartOptions,
): Child {
  const environment = programEnvironment(env);
  const { PATH = '' } = environment;
  const path = lookUp(program, PATH);
  const nothing = openSync('/dev/null', fs.O_RDWR);
  try {
    return startChild({
      path,
      argv: [program, ...args],
      env: environment,
      fds: fds.map((fd) => fd ?? nothing),
      cwd: '/',
    });
  } finally {
    closeFd(nothing);
  }
}

/**
 * Runs a program whose output matters only when it fails, to its end. It starts faster than with
 * `run`, which forks. Throws `program_failed` with its last words on another exit code than 0, a
 * signal or a missing program, and `timeout` when it was too slow and had to be killed.
 */
export async function runQuiet(
  program: string,
  args: readonly string[],
  { what, env, timeoutMs }: QuietOptions,
): Promise<void> {
  const output = createMemfd(program, outputBytes);
  try {
    const child = start(program, args, { what, fds: [null, output, output], ...(env && { env }) });
    const tooLong = new AbortController();
    tooLong.signal.addEventListener('abort', () => {
      child.kill('SIGKILL');
    });
    const timer = setTimeout(() => {
      tooLong.abort();
    }, timeoutMs);
    const status = await child.ended;
    clearTimeout(timer);
    if (tooLong.signal.aborted)
      throw new WarrenError('timeout', { what, seconds: timeoutMs / 1000 });
    if (status.kind === 'exited' && status.value === 0) return;
    throw new WarrenError('program_failed', {
      what,
      program,
      outcome: describeEnd(status),
      output: lastLines(readOutput(output)),
    });
  } finally {
    closeFd(output);
  }
}

function start(
  program: string,
  args: readonly string[],
  { what, ...options }: StartOptions & { readonly what: string },
): Child {
  try {
    return startProgram(program, args, options);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    const missing = hasErrno(error, 'ENOENT');
    const outcome = missing ? 'is not installed' : `failed (${error.code})`;
    throw new WarrenError(
      'program_failed',
      { what, program, outcome, output: '' },
      { cause: error },
    );
  }
}

/** As execvp(3) does it: a name with a slash is a path. */
function lookUp(program: string, searchPath: string): string {
  if (program.includes('/')) return program;
  for (const directory of searchPath.split(':')) {
    const path = `${directory}/${program}`;
    try {
      accessSync(path, fs.X_OK);
      return path;
    } catch {
      // In one of the others, then.
    }
  }
  throw new SysError('ENOENT', 'execvp', program);
}

function describeEnd({ kind, value }: WaitStatus): string {
  if (kind === 'exited') return `exited with ${value}`;
  const name = Object.entries(os.signals).find(([, number]) => number === value)?.[0];
  return `was ended by ${name ?? `signal ${value}`}`;
}

/** What was written of the file, which is zero beyond it. */
function readOutput(fd: number): string {
  const bytes = Buffer.alloc(outputBytes);
  const length = readSync(fd, bytes, 0, bytes.length, 0);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? length : end);
}
