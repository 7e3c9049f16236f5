import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

import { WarrenError } from '../contract/errors.ts';

/**
 * Prints that the namespaces exist, waits until their maps are written, and becomes the program.
 * `$0` is the log. A host process that dies meanwhile closes the pipe, `read` fails and nothing is
 * left behind. This one fixed line is the only shell in warren: nothing else can wait inside a user
 * namespace without a map and then gain root in it by exec.
 */
const waitForGo = 'echo ready && read go && exec "$@" </dev/null 2>>"$0"';

export interface LaunchOptions {
  /** unshare(1) or nsenter(1) with its options. */
  readonly entry: readonly string[];
  /** The program to become, with its arguments. */
  readonly argv: readonly string[];
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Where its standard error goes; appended to. */
  readonly logPath: string;
}

/**
 * A program on its way into a user namespace, in a session of its own. Its standard output is a
 * pipe to us, line by line.
 */
export interface Launch {
  /** Stays the same through every exec. */
  readonly pid: number;
  /** The next line; undefined once the program closed its output or ended. */
  nextLine(timeoutMs: number): Promise<string | undefined>;
  /**
   * What the entry program printed as errors so far; the final word after `nextLine` gave
   * undefined.
   */
  errors(): Promise<string>;
  /** Lets the program be executed. */
  go(): void;
  /** Kills it: for the case that a later step failed. */
  abandon(): void;
  /** Lets go of it, so that this process can end while the program lives on. */
  release(): void;
}

/** Starts the entry program; the first line to expect is `ready`. */
export function launch({ entry, argv, env, logPath }: LaunchOptions): Launch {
  const [program, ...options] = entry;
  if (program === undefined) throw new Error('no entry program');
  const child = spawn(program, [...options, 'sh', '-c', waitForGo, logPath, ...argv], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: { ...env },
  });
  const output: string[] = [];
  const waiting: ((line: string | undefined) => void)[] = [];
  let ended = false;
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => {
    const next = waiting.shift();
    if (next === undefined) output.push(line);
    else next(line);
  });
  const finish = (): void => {
    ended = true;
    for (const next of waiting.splice(0)) next(undefined);
  };
  reader.on('close', finish);
  child.on('error', (error) => {
    errors.push(error.message);
    finish();
  });
  const errors: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => errors.push(chunk));
  // A program that ended early makes the write fail; its end is reported by the lines.
  child.stdin.on('error', () => undefined);

  return {
    pid: child.pid ?? 0,
    async nextLine(timeoutMs) {
      const line = output.shift();
      if (line !== undefined || ended) return line;
      return await withTimeout(timeoutMs, (settle) => waiting.push(settle));
    },
    async errors() {
      await settled(child);
      return errors.join('');
    },
    go() {
      child.stdin.end('go\n');
    },
    abandon() {
      child.kill('SIGKILL');
    },
    release() {
      child.stdin.destroy();
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
    },
  };
}

async function withTimeout<T>(
  timeoutMs: number,
  start: (settle: (value: T) => void) => void,
): Promise<T> {
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const details = { what: 'start the keeper', seconds: timeoutMs / 1000 };
      reject(new WarrenError('timeout', details));
    }, timeoutMs);
    start((value) => {
      clearTimeout(timer);
      resolve(value);
    });
  });
}

/** Resolves when the child has ended, or shortly when it lives on. */
async function settled(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 500);
    child.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
