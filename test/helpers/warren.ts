import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';

export const root = join(import.meta.dirname, '../..');
export const cli = join(root, 'dist/bin/warren.cjs');

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface CommandOptions {
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** A warren of its own in a fresh directory, driven as a person drives it: through the program. */
export interface Warren extends AsyncDisposable {
  readonly dir: string;
  run(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Standard output of a command that must succeed. */
  ok(args: readonly string[], options?: CommandOptions): Promise<string>;
  /** The answer of a command that takes `--format json`. */
  json<T>(args: readonly string[]): Promise<T>;
  daemonPid(): Promise<number>;
  keeperPid(): number;
}

/**
 * Makes one. Disposing deletes its machines, ends its daemon and keeper, and asserts that no
 * process, mount or directory of it is left.
 */
export function openWarren(): Warren {
  const dir = mkdtempSync(join(homedir(), 'w-'));
  const run = (args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> =>
    runProgram(process.execPath, [cli, ...args], {
      ...options,
      env: { WARREN_DIR: dir, ...options.env },
    });
  const ok = async (args: readonly string[], options?: CommandOptions): Promise<string> => {
    const result = await run(args, options);
    expect(result, `warren ${args.join(' ')}: ${result.stderr}`).toMatchObject({ exitCode: 0 });
    return result.stdout;
  };
  const json = async <T>(args: readonly string[]): Promise<T> =>
    JSON.parse(await ok([...args, '--format', 'json'])) as T;
  const keeperPid = (): number => Number(readFileSync(join(dir, 'keeper.pid'), 'utf8'));
  return {
    dir,
    run,
    ok,
    json,
    keeperPid,
    // `daemon status` does not wait for one that is being started again.
    daemonPid: async () => {
      const { warren } = JSON.parse(await ok(['query', '/1.0'])) as { warren: { pid: number } };
      return warren.pid;
    },
    [Symbol.asyncDispose]: async () => {
      await ok(['daemon', 'stop', '--purge']);
      await eventually(() => {
        expect(processesUnder(dir)).toEqual([]);
      });
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Runs a program with an environment of HOME, PATH and what is given, and collects its output. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const startedMs = performance.now();
  const child = spawn(program, args, {
    env: { HOME: homedir(), PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', ...options.env },
    stdio: 'pipe',
    timeout: options.timeoutMs ?? 120_000,
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A program that ends without reading its input is no failure of the test.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve(code ?? (signal === null ? -1 : -2));
    });
  });
  return {
    exitCode,
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
    ms: performance.now() - startedMs,
  };
}

/** Retries an assertion until it holds; fails with its last error after the time. */
export async function eventually(
  assertion: () => void | Promise<void>,
  timeoutMs = 15_000,
  pauseMs = 50,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      await assertion();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(pauseMs);
    }
  }
}

/** Our processes that have `dir` in their command line, environment or open files' place. */
export function processesUnder(dir: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      const cwd = readlinkSync(`/proc/${pid}/cwd`);
      if (`${command}\n${environment}\n${cwd}`.includes(dir)) found.push(`${pid} ${command}`);
    } catch {
      // Gone meanwhile, or another user's.
    }
  }
  return found;
}
