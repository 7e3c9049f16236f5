import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';

import { isWarrenError, WarrenError } from '../contract/errors.ts';
import { run } from '../sys/programs/run.ts';
import { prepareDirectories } from './directories.ts';
import { keeperRuns } from './home.ts';
import { holdServiceLock } from './start.ts';
import {
  endTransient,
  findUserManager,
  startService,
  systemctl,
  unitPath,
  type ServiceInput,
} from './systemd.ts';
import { unitText } from './unit.ts';

/**
 * Writes the user unit, so that machines with `boot.autostart` start with the host, and enables
 * lingering, so that they outlive the user's last session. Where a transient unit runs the keeper,
 * the installed one takes its place; machines go on. Answers what is true now, line by line.
 */
export async function install(input: Omit<ServiceInput, 'manager'>): Promise<string[]> {
  const { env, user, paths } = input;
  const manager = await findUserManager(env, user);
  if (manager === undefined) {
    throw new WarrenError('unsupported', {
      what: 'install the service',
      why: 'no systemd user manager answers for you; without one, the first command starts warren',
      hint: 'warren doctor systemd',
    });
  }
  prepareDirectories(paths, user.uid);
  const path = unitPath(env, user, paths);
  const lines = [`${path} is written and enabled`];
  {
    using _ = await holdServiceLock(paths);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, unitText(input));
    const link = wantsPath(path);
    mkdirSync(dirname(link), { recursive: true });
    rmSync(link, { force: true });
    symlinkSync(path, link);
    await systemctl(manager, ['daemon-reload']);
    // What comes in between starts the new one as well.
    const ran = keeperRuns(paths);
    await endTransient(manager, paths);
    if (ran && !keeperRuns(paths)) {
      await startService({ ...input, manager });
      lines.push('the daemon runs as that service now; machines went on meanwhile');
    }
  }
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

/** Makes the unit at `path` start with the manager, as `systemctl enable` does. */
function wantsPath(path: string): string {
  return `${dirname(path)}/default.target.wants/${basename(path)}`;
}
