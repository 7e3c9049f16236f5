import { isWarrenError } from '../contract/errors.ts';
import { runQuiet } from '../sys/programs/quiet.ts';
import { runtimeRefusal } from '../sys/programs/runtime-refusal.ts';
import type { CgroupDriver } from './cgroup/driver.ts';

/** The command line every OCI runtime shares (crun(1), runc(8)). */
export interface OciProgram {
  readonly program: string;
  /** Options before the command. */
  readonly globalArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /**
   * Runs a command to its end; throws `program_failed` with the runtime's own words, `host_lacks`
   * where it can start nothing.
   */
  run(what: string, args: readonly string[], timeoutMs: number): Promise<void>;
}

/** The OCI runtime `program` with its state in `ociDir` and what the cgroup driver wants of it. */
export function ociProgram(program: string, ociDir: string, cgroup: CgroupDriver): OciProgram {
  const globalArgs = ['--root', ociDir, ...cgroup.runtimeArgs];
  const env = cgroup.runtimeEnv;
  return {
    program,
    globalArgs,
    env,
    run: (what, args, timeoutMs) =>
      runQuiet(program, [...globalArgs, ...args], { what, env, timeoutMs }).catch(
        (error: unknown) => {
          const output = isWarrenError(error, 'program_failed') ? error.details.output : '';
          throw runtimeRefusal(what, output) ?? error;
        },
      ),
  };
}
