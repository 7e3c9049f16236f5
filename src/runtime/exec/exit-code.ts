import type { WaitStatus } from '../../sys/kernel/wait.ts';

/** What the OCI runtime exits with when it could not run the command; the command may, too. */
const runtimeFailed = [1, 255];

/**
 * The exit status a shell would give: the command's own, 128 + n for signal n, 127 when there is no
 * such command and 126 when it cannot be run. `log` is what the OCI runtime wrote to its own: empty
 * unless it failed itself.
 */
export function execStatus({ kind, value }: Omit<WaitStatus, 'pid'>, log: string): number {
  if (kind !== 'exited') return 128 + value;
  if (!runtimeFailed.includes(value) || log.trim() === '') return value;
  const missing = /not found in \$PATH|^exec[^:]*: no such file or directory/im.test(log);
  return missing ? 127 : 126;
}

/** What the OCI runtime says when a command cannot be run, and what that means. */
const complaints: readonly (readonly [RegExp, (directory: string) => string])[] = [
  [/^executable (file|path)/, () => 'the machine has no such command'],
  [
    /^exec[^:]*: No such file/,
    () => 'the interpreter or dynamic linker that it asks for is not in the machine',
  ],
  [
    /^exec[^:]*: Exec format error/,
    () => 'it is neither a program for this architecture nor a script that names its interpreter',
  ],
  [/^chdir[^:]*: No such file/, (directory) => `the machine has no directory "${directory}"`],
  [/^chdir[^:]*: (.*)/, (directory) => `its directory "${directory}" cannot be entered`],
  [
    /^(open executable|exec[^:]*): (Permission denied|Operation not permitted)/,
    () => 'it is not executable there',
  ],
  [/^open executable: Too many levels/, () => 'it is a symbolic link that leads in a circle'],
];

/**
 * Why a command did not run, in one sentence; undefined for what only the runtime has words for.
 */
export function explainFailure(
  log: string,
  command: string,
  directory: string,
): string | undefined {
  const found = complaints.find(([pattern]) => pattern.test(log));
  return found === undefined
    ? undefined
    : `error: Cannot run ${JSON.stringify(command)}: ${found[1](directory)}\n`;
}

/** To a terminal, the runtime adds the time and a colour. */
export const complaintStart =
  /^(?:\u001b\[[\d;]*m)?(?:\d{4}-[\d-]+T\S+Z: )?(?:executable (?:file|path) |open executable: |exec(?: container process[^:]*)?: |chdir )/;
