import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';

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
  unitDescription,
  unitOrder,
  unitProperties,
  unitText,
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
 * back through a file, since its standard error goes to the journal. The caller sees to it that only
 * one process does this at a time.
 */
export async function startService(input: ServiceInput): Promise<void> {
  const { manager, env, user, paths } = input;
  const name = serviceName(paths);
  const failurePath = failureFile(paths);
  rmSync(failurePath, { force: true });
  const isInstalled = existsSync(unitPath(env, user, paths));
  // No keeper runs: what is there of a transient unit has failed, or is about to be tried again.
  if (!isInstalled) await forgetUnit(manager, name);
  try {
    if (isInstalled) await systemctl(manager, ['start', name]);
    else await startTransient(input, name);
  } catch (error) {
    if (!isInstalled) await forgetUnit(manager, name);
    throw serviceError(failurePath) ?? error;
  }
}

async function startTransient(input: ServiceInput, name: string): Promise<void> {
  const { manager, env, user, paths, binDir } = input;
  const environment = { ...handedOnEnvironment(env), ...serviceEnvironment(env, user, paths) };
  await run(
    'systemd-run',
    [
      '--user',
      '--quiet',
      `--unit=${name}`,
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

/** Stops a unit and drops the memory of its failure; one that is not there is fine (5, 1). */
async function forgetUnit(manager: UserManager, name: string): Promise<void> {
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

function unitPath(env: Environment, { home }: User, paths: Paths): string {
  return `${env['XDG_CONFIG_HOME'] ?? `${home}/.config`}/systemd/user/${serviceName(paths)}`;
}

/** Makes the unit at `path` start with the manager. */
function wantsPath(path: string): string {
  return `${dirname(path)}/default.target.wants/${basename(path)}`;
}

/**
 * Writes the user unit, so that machines with `boot.autostart` start with the host, and enables
 * lingering, so that they outlive the user's last session. Answers what is true now, line by line.
 */
export async function install(input: Omit<ServiceInput, 'manager'>): Promise<string[]> {
  const { env, user, paths } = input;
  const manager = await findUserManager(env, user);
  if (manager === undefined) {
    throw new WarrenError('unsupported', {
      what: 'install the service',
      why: 'no systemd user manager answers for you; without one, the first command starts warren',
    });
  }
  const path = unitPath(env, user, paths);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, unitText(input));
  // What `systemctl enable` does, which refuses while a transient unit of that name runs.
  const link = wantsPath(path);
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(path, link);
  await systemctl(manager, ['daemon-reload']);
  const lines = [`${path} is written and enabled`];
  const lingers = `lingering is enabled: machines run without a session of ${user.name}`;
  // Without polkit only root may ask for it, also for what is so already.
  if (existsSync(`/var/lib/systemd/linger/${user.name}`)) return [...lines, lingers];
  try {
    await run('loginctl', ['enable-linger', user.name], {
      what: 'let your services outlive your sessions',
      env: manager.env,
      timeoutMs: 15_000,
    });
    lines.push(lingers);
  } catch (error) {
    if (!isWarrenError(error, 'program_failed')) throw error;
    lines.push(
      `lingering could not be enabled, so machines end with your last session: sudo loginctl enable-linger ${user.name}`,
    );
  }
  return lines;
}

/** Undoes `install`, but for lingering, which other services may need. The keeper runs on. */
export async function uninstall(input: Omit<ServiceInput, 'manager'>): Promise<string[]> {
  const { env, user, paths } = input;
  const path = unitPath(env, user, paths);
  const manager = await findUserManager(env, user);
  if (!existsSync(path)) return [`${path} is not there`];
  rmSync(wantsPath(path), { force: true });
  rmSync(path, { force: true });
  if (manager !== undefined) await systemctl(manager, ['daemon-reload']);
  return [`${path} is removed`];
}

async function systemctl(
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
