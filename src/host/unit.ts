import { createHash } from 'node:crypto';

import { hasControlCharacter } from '../base/text.ts';
import { transientSuffix, type HostVerb } from '../contract/host.ts';
import type { Paths } from '../contract/paths.ts';
import type { Environment, User } from './account.ts';

/**
 * `warren.service` for the usual directories; with a WARREN_DIR its name tells the directories
 * apart.
 */
export function serviceName({ dataDir, runtimeDir }: Paths): string {
  if (dataDir !== runtimeDir) return 'warren.service';
  return `warren-${createHash('sha256').update(dataDir).digest('hex').slice(0, 8)}.service`;
}

/**
 * The one that is made for those directories where none is installed. A name of its own: the
 * manager keeps a transient unit for as long as programs of a machine's network are in its cgroup,
 * and would take it for the installed one.
 */
export function transientName(paths: Paths): string {
  return serviceName(paths).replace(/\.service$/, `${transientSuffix}.service`);
}

export const unitDescription = 'warren: machines of an ordinary user';

/**
 * Of what is stopped with the manager, the bus goes later: the daemon and the OCI runtime ask over
 * it.
 */
export const unitOrder = [['After', 'dbus.socket dbus.service']] as const;

/**
 * `start` leaves the keeper behind, so the service is a forking one. Its cgroup holds the keeper
 * and the daemon; machines get scopes of their own. A stop ends the keeper and with it the daemon,
 * and leaves machines alone (KillMode=process) unless the manager goes down too, as `stopCommand`
 * finds out. How long that may take is for the manager to say, which has two minutes as
 * user@.service comes.
 */
export function unitProperties(paths: Paths): readonly (readonly [string, string])[] {
  return [
    ['Type', 'forking'],
    ['PIDFile', paths.keeperPid],
    ['KillMode', 'process'],
    ['Restart', 'on-failure'],
    ['Delegate', 'yes'],
    ['TimeoutStartSec', '60'],
    ['TimeoutStopSec', '600'],
  ];
}

/** What the service must know of the caller's environment to find the same directories. */
export function serviceEnvironment(
  env: Environment,
  { home }: User,
  { dataDir, runtimeDir }: Paths,
): Record<string, string> {
  const own = dataDir === runtimeDir ? { WARREN_DIR: dataDir } : {};
  const dataHome = env['XDG_DATA_HOME'];
  return {
    HOME: home,
    ...own,
    ...(dataHome === undefined ? {} : { XDG_DATA_HOME: dataHome }),
  };
}

export interface UnitInput {
  readonly env: Environment;
  readonly user: User;
  readonly paths: Paths;
  readonly binDir: string;
}

/** The whole unit file. Throws on a path that a line of it cannot hold. */
export function unitText({ env, user, paths, binDir }: UnitInput): string {
  const settings = Object.entries(serviceEnvironment(env, user, paths));
  return [
    '[Unit]',
    `Description=${unitDescription}`,
    ...unitOrder.map(([key, value]) => `${key}=${value}`),
    '',
    '[Service]',
    ...unitProperties(paths).map(([key, value]) => `${key}=${specifiers(value)}`),
    ...settings.map(([key, value]) => `Environment=${specifiers(quote(`${key}=${value}`))}`),
    `ExecStart=${specifiers(commandLine(hostCommand(binDir, 'start')))}`,
    `ExecStop=${specifiers(stopCommand(binDir))}`,
    '',
    '[Install]',
    'WantedBy=default.target',
    '',
  ].join('\n');
}

/**
 * ExecStop as a line that holds no specifier: `systemd-run` takes it so, a file wants `%` doubled.
 */
export function stopCommand(binDir: string): string {
  return commandLine(hostCommand(binDir, 'stop'));
}

function hostCommand(binDir: string, verb: HostVerb): string[] {
  return [process.execPath, `${binDir}/warren-host.js`, verb, '--as-service'];
}

/** As in man 5 systemd.service, "COMMAND LINES". */
function commandLine(words: readonly string[]): string {
  return words.map((word) => quote(word).replaceAll('$', '$$$$')).join(' ');
}

function quote(word: string): string {
  return `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

function specifiers(text: string): string {
  if (hasControlCharacter(text)) throw new Error('a control character cannot be in a unit file');
  return text.replaceAll('%', '%%');
}
