import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One call of a program, as a person would type it. */
export interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** As root instead of as the ordinary account. */
  readonly asRoot?: boolean;
}

export interface Ran {
  readonly ms: number;
  /** When it was started, on the kernel's monotonic clock, which guests share. */
  readonly startedUs: number;
  readonly stdout: string;
}

/** Where and as whom everything runs. */
export interface Host {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  /** The account's own directory for this run. */
  readonly work: string;
  /** A directory that the account cannot write. */
  readonly state: string;
  readonly lxdPid: number;
  run(command: Command): Ran;
}

export class CommandError extends Error {}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/**
 * Runs commands to their end and times them from before the fork to after the wait. Output goes to
 * files, since what a command leaves running would keep a pipe open.
 */
export function openHost(input: Omit<Host, 'run'>): Host {
  const isRoot = process.getuid?.() === 0;
  const outFile = join(input.state, 'out');
  const errFile = join(input.state, 'err');
  return {
    ...input,
    run: ({ argv: [program, ...args], env, asRoot }) => {
      const out = openSync(outFile, 'w');
      const err = openSync(errFile, 'w');
      const startedUs = monotonicUs();
      const { status, signal, error } = spawnSync(program, args, {
        cwd: asRoot === true ? '/' : input.work,
        env: { HOME: input.home, PATH: path, LANG: 'C.UTF-8', ...env },
        stdio: ['ignore', out, err],
        timeout: 300_000,
        ...(isRoot && asRoot !== true ? { uid: input.uid, gid: input.gid } : {}),
      });
      const ms = (monotonicUs() - startedUs) / 1000;
      closeSync(out);
      closeSync(err);
      const stdout = readFileSync(outFile, 'utf8');
      if (status !== 0) {
        const why = error?.message ?? `ended with ${status ?? signal ?? 'nothing'}`;
        const said = readFileSync(errFile, 'utf8').trim().split('\n').slice(-4).join('\n');
        throw new CommandError(`${[program, ...args].join(' ')}: ${why}\n${said}`);
      }
      return { ms, startedUs, stdout };
    },
  };
}

/** Whether a program is installed. */
export function hasProgram(host: Host, name: string): boolean {
  try {
    host.run({ argv: ['sh', '-c', `command -v ${name}`] });
    return true;
  } catch {
    return false;
  }
}
