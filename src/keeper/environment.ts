/**
 * systemd's protocol with the process it started. Inherited, it would make others speak in the
 * keeper's name: `crun start` hangs on a NOTIFY_SOCKET, and a program with LISTEN_FDS takes
 * descriptors for its own that are none.
 */
const ownedBySystemd =
  /^(NOTIFY_SOCKET|LISTEN_.*|WATCHDOG_.*|MAINPID|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_.*)$/;

/**
 * The environment of the daemon: the keeper's, which the host side chose, without what is only its
 * own.
 */
export function daemonEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !ownedBySystemd.test(name)) result[name] = value;
  }
  return result;
}
