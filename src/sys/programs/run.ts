import { execa, ExecaError } from 'execa';

import { WarrenError } from '../../contract/errors.ts';
import { lastLines, programEnvironment } from './environment.ts';

/**
 * How a program is run. There is no shell anywhere, and nothing of our environment is inherited.
 */
export interface RunOptions {
  /** What is being done, for the error sentence: `set up the network of web`. */
  readonly what: string;
  /** Added to the base environment (PATH and a C.UTF-8 locale). */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Sent to standard input; without it, standard input is empty. */
  readonly input?: string | Uint8Array;
  /** Descriptors of ours that it has as 3 and on, which the caller closes. */
  readonly fds?: readonly number[];
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Exit codes that are an answer and not a failure, besides 0. */
  readonly okExitCodes?: readonly number[];
  /** Longest output kept, in characters; more is a failure. Default 8 Mi. */
  readonly maxBuffer?: number;
}

export interface RunResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end and returns its output. Throws `program_failed` on another exit code,
 * a signal or a missing program, `timeout` when it was too slow, and `cancelled` when aborted.
 */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  const {
    what,
    env,
    cwd,
    input,
    fds = [],
    timeoutMs = 60_000,
    signal,
    okExitCodes = [],
    maxBuffer,
  } = options;
  const stdin = input === undefined ? 'ignore' : 'pipe';
  try {
    const result = await execa(program, args, {
      env: programEnvironment(env),
      extendEnv: false,
      stripFinalNewline: true,
      timeout: timeoutMs,
      maxBuffer: maxBuffer ?? 8 * 1024 * 1024,
      ...(cwd === undefined ? {} : { cwd }),
      ...(input === undefined ? {} : { input }),
      // It takes numbers, which its types do not know.
      stdio: [stdin, 'pipe', 'pipe', ...(fds as readonly unknown[] as readonly 'inherit'[])],
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    });
    return { exitCode: 0, stdout: result.stdout, stderr: result.stderr };
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    const stdout = textOf(error.stdout);
    const stderr = textOf(error.stderr);
    if (error.exitCode !== undefined && okExitCodes.includes(error.exitCode)) {
      return { exitCode: error.exitCode, stdout, stderr };
    }
    const output = lastLines(stderr === '' ? stdout : stderr);
    throw failure(error as ExecaError, { what, program, timeoutMs, output });
  }
}

function failure(
  error: ExecaError,
  context: { what: string; program: string; timeoutMs: number; output: string },
): WarrenError {
  const { what, program, timeoutMs, output } = context;
  if (error.isCanceled) return new WarrenError('cancelled', { what }, { cause: error });
  if (error.timedOut) {
    return new WarrenError('timeout', { what, seconds: timeoutMs / 1000 }, { cause: error });
  }
  const outcome =
    error.exitCode !== undefined
      ? `exited with ${error.exitCode}`
      : error.signal !== undefined
        ? `was ended by ${error.signal}`
        : error.code === 'ENOENT'
          ? 'is not installed'
          : `failed (${error.code ?? error.shortMessage})`;
  return new WarrenError('program_failed', { what, program, outcome, output }, { cause: error });
}

function textOf(output: unknown): string {
  return typeof output === 'string' ? output : '';
}
