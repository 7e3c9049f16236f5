import { existsSync, readFileSync, rmSync } from 'node:fs';

import { isWarrenError, WarrenError } from '../contract/errors.ts';
import type { HostFailure } from '../contract/host.ts';
import type { Paths } from '../contract/paths.ts';
import { run } from '../sys/programs/run.ts';
import { hasErrno } from '../sys/sys-error.ts';
import type { Environment, User } from './account.ts';
import { handedOnEnvironment } from './environment.ts';
import {
  serviceEnvironment,
  serviceName,
  stopCommand,
  transientName,
  unitDescription,
  unitOrder,
  unitProperties,
} from './unit.ts';

/** The user's systemd manager, by the environment in which systemctl reaches it. */
export interface UserManager {
  readonly env: Readonly<Record<string, string>>;
}

/** The manager that answers for this user; undefined where there is none. */
export async function findUserManager(
  env: Environment,
  user: User,
): Promise<UserManager | undefined> {
  const runtimeDir = user.runUserDir ?? env['XDG_RUNTIME_DIR'];
  if (runtimeDir === undefined || !existsSync(`${runtimeDir}/systemd/private`)) return undefined;
  const manager = {
    env: {
      XDG_RUNTIME_DIR: runtimeDir,
      DBUS_SESSION_BUS_ADDRESS: env['DBUS_SESSION_BUS_ADDRESS'] ?? `unix:path=${runtimeDir}/bus`,
      HOME: user.home,
    },
  };
  try {
    await systemctl(manager, ['show', '--property=Version']);
    return manager;
  } catch (error) {
    if (isWarrenError(error, 'program_failed') || isWarrenError(error, 'timeout')) return undefined;
    throw error;
  }
}

/** Whether the manager is about to end, and every unit of it. */
export async function isStopping({ env }: UserManager): Promise<boolean> {
  const { stdout } = await run('systemctl', ['--user', 'is-system-running'], {
    what: 'ask the systemd user manager how it is',
    env,
    timeoutMs: 30_000,
    // For any state but "running".
    okExitCodes: [1],
  });
  return stdout.trim() === 'stopping';
}

export interface ServiceInput {
  readonly manager: UserManager;
  readonly env: Environment;
  readonly user: User;
  readonly paths: Paths;
  readonly binDir: string;
}

/**
 * Has the manager start the service and waits until the keeper listens: the installed unit when
 * there is one for these very directories, else a transient one. What the service failed with comes
 * back through a file, since its standard error goes to the journal. The caller sees to it that
 * only one process does this at a time.
 */
export async function startService(input: ServiceInput): Promise<void> {
  const { manager, env, user, paths } = input;
  const failurePath = failureFile(paths);
  rmSync(failurePath, { force: true });
  const isInstalled = existsSync(unitPath(env, user, paths));
  // No keeper runs: what is there of a transient unit has failed, or is about to be tried again.
  await endTransient(manager, paths);
  try {
    if (isInstalled) await systemctl(manager, ['start', serviceName(paths)]);
    else await startTransient(input);
  } catch (error) {
    await endTransient(manager, paths);
    throw serviceError(failurePath) ?? error;
  }
}

async function startTransient(input: ServiceInput): Promise<void> {
  const { manager, env, user, paths, binDir } = input;
  const environment = { ...handedOnEnvironment(env), ...serviceEnvironment(env, user, paths) };
  await run(
    'systemd-run',
    [
      '--user',
      '--quiet',
      `--unit=${transientName(paths)}`,
      `--description=${unitDescription}`,
      ...[...unitOrder, ...unitProperties(paths)].map(
        ([key, value]) => `--property=${key}=${value}`,
      ),
      `--property=ExecStop=${stopCommand(binDir)}`,
      ...Object.entries(environment).map(([key, value]) => `--setenv=${key}=${value}`),
      '--',
      process.execPath,
      `${binDir}/warren-host.js`,
      'start',
      '--as-service',
    ],
    { what: 'start warren as a user service', env: manager.env, timeoutMs: 90_000 },
  );
}

/**
 * Stops the transient unit and drops the memory of its failure; one that is not there is fine (5,
 * 1).
 */
export async function endTransient(manager: UserManager, paths: Paths): Promise<void> {
  const name = transientName(paths);
  await systemctl(manager, ['stop', name], [5]);
  await systemctl(manager, ['reset-failed', name], [1, 5]);
}

/** Where the service leaves its `HostFailure`. */
export function failureFile(paths: Paths): string {
  return `${paths.runtimeDir}/start-failure.json`;
}

function serviceError(path: string): Error | undefined {
  try {
    const { error } = JSON.parse(readFileSync(path, 'utf8')) as HostFailure;
    return new WarrenError(error.code, error.details as never);
  } catch (error) {
    if (error instanceof SyntaxError || hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Where the installed unit for these directories is, or would be. */
export function unitPath(env: Environment, { home }: User, paths: Paths): string {
  return `${env['XDG_CONFIG_HOME'] ?? `${home}/.config`}/systemd/user/${serviceName(paths)}`;
}

/** `systemctl --user`. Throws `program_failed` for other exit codes than 0 and `okExitCodes`. */
export async function systemctl(
  { env }: UserManager,
  args: readonly string[],
  okExitCodes: readonly number[] = [],
): Promise<void> {
  await run('systemctl', ['--user', ...args], {
    what: 'talk to the systemd user manager',
    env,
    timeoutMs: 90_000,
    okExitCodes,
  });
}
