import { run, type RunResult } from '../sys/programs/run.ts';
import type { CgroupDriver } from './cgroup/driver.ts';

/** The command line every OCI runtime shares (crun(1), runc(8)). */
export interface OciProgram {
  readonly program: string;
  /** Options before the command. */
  readonly globalArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Runs a command to its end; throws `program_failed` with the runtime's own words. */
  run(what: string, args: readonly string[], timeoutMs: number): Promise<RunResult>;
}

export function ociProgram(program: string, ociDir: string, cgroup: CgroupDriver): OciProgram {
  const globalArgs = ['--root', ociDir, ...cgroup.runtimeArgs];
  const env = cgroup.runtimeEnv;
  return {
    program,
    globalArgs,
    env,
    // The working directory is one that nobody has a reason to unmount or remove.
    run: (what, args, timeoutMs) =>
      run(program, [...globalArgs, ...args], { what, env, cwd: '/', timeoutMs }),
  };
}
