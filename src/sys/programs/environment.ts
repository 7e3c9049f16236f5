/**
 * The environment of every program warren starts. NOTIFY_SOCKET, LISTEN_* and WATCHDOG_* must
 * never reach one: an inherited NOTIFY_SOCKET makes `crun start` hang.
 */
export function programEnvironment(
  extra: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    ...extra,
  };
}

/** The end of a program's output as one line that fits into an error sentence. */
export function lastLines(output: string): string {
  return output.trim().split('\n').slice(-3).join(' / ').slice(-500);
}
