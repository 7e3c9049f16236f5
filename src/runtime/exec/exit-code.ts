/** What the OCI runtime exits with when it could not run the command; the command may, too. */
const runtimeFailed = 255;

export interface ExecEnd {
  readonly code: number | null;
  readonly signal: number | undefined;
  /** What the OCI runtime wrote to its own log: empty unless it failed itself. */
  readonly log: string;
}

/**
 * The exit status a shell would give: the command's own, 128 + n for signal n, 127 when there is no
 * such command and 126 when it cannot be run.
 */
export function execStatus({ code, signal, log }: ExecEnd): number {
  if (code === null) return 128 + (signal ?? 0);
  if (code !== runtimeFailed || log.trim() === '') return code;
  const missing = /not found in \$PATH|exec[^:]*: no such file or directory/i.test(log);
  return missing ? 127 : 126;
}
