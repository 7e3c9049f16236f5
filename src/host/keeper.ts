import { readFileSync } from 'node:fs';

import { WarrenError } from '../contract/errors.ts';
import type { HostFailure } from '../contract/host.ts';
import { keeperListens, type U0Record } from '../contract/keeper.ts';
import type { Paths } from '../contract/paths.ts';
import { isRunning } from '../sys/proc/identity.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { explainGrants, highestGranted } from '../userns/explain.ts';
import { readGrants } from '../userns/grants.ts';
import type { Launch } from '../userns/launch.ts';
import { planU0 } from '../userns/plan.ts';
import { createU0, joinU0, type ProgramOptions } from '../userns/u0.ts';
import type { Environment, User } from './account.ts';
import {
  cgroupExists,
  claimPart,
  findDelegated,
  holding,
  leafOf,
  moveToLeaf,
  spawnWithin,
} from './cgroup.ts';
import { keeperEnvironment } from './environment.ts';

const listenTimeoutMs = 30_000;

/** Small heaps: the keeper lives as long as the machines, and holds nothing but descriptors. */
const nodeOptions = ['--max-semi-space-size=1', '--max-old-space-size=64', '--v8-pool-size=1'];

export interface KeeperStart {
  readonly user: User;
  readonly paths: Paths;
  readonly env: Environment;
  /** Absolute path of warren-keeper.js. */
  readonly program: string;
  /** We are in a service of the user's systemd manager, whose cgroups are its own business. */
  readonly underSystemd: boolean;
}

/**
 * Starts a keeper and returns when it listens: in the U0 that a killed one left behind, else in a
 * new one. The caller holds the start lock and knows that none runs. On failure nothing is left.
 */
export async function startKeeper(start: KeeperStart): Promise<void> {
  const record = readU0Record(start.paths);
  const keeper = record === undefined ? await makeU0(start) : await enterU0(start, record);
  try {
    keeper.go();
    const line = await keeper.nextLine(listenTimeoutMs);
    if (line !== keeperListens) throw keeperError(line, start.paths);
    keeper.release();
  } catch (error) {
    keeper.abandon();
    throw error;
  }
}

async function makeU0(start: KeeperStart): Promise<Launch> {
  const { user, underSystemd } = start;
  const grants = await readGrants(user);
  const lacking = explainGrants(grants, user, highestGranted(...readSubidFiles()));
  if (lacking !== undefined) throw lacking;
  const map = planU0({ ...user, uidGrants: grants.uid, gidGrants: grants.gid });
  const create = (cgroupDir: string | undefined): Promise<Launch> =>
    createU0({
      ...programOptions(start, cgroupDir),
      map,
      account: user,
      cgroupNamespace: cgroupDir !== undefined,
    });
  const delegated = underSystemd ? undefined : findDelegated();
  if (delegated === undefined) return await create(undefined);
  return await holding(delegated, async () => {
    const part = claimPart(delegated);
    if (part === undefined) return await create(undefined);
    const keeper = await spawnWithin(part.directory, () => create(part.directory));
    try {
      moveToLeaf(part, keeper.pid);
      return keeper;
    } catch (error) {
      keeper.abandon();
      throw error;
    }
  });
}

async function enterU0(start: KeeperStart, { pin, cgroupDir }: U0Record): Promise<Launch> {
  const join = (): Promise<Launch> =>
    joinU0({
      ...programOptions(start, cgroupDir),
      memberPid: pin.pid,
      cgroupNamespace: cgroupDir !== undefined,
    });
  if (cgroupDir === undefined || !cgroupExists(cgroupDir)) return await join();
  return await spawnWithin(leafOf({ directory: cgroupDir }), join);
}

function programOptions(
  { user, paths, env, program }: KeeperStart,
  cgroupDir: string | undefined,
): ProgramOptions {
  return {
    argv: [process.execPath, ...nodeOptions, program],
    env: keeperEnvironment(env, user, paths, cgroupDir),
    logPath: paths.keeperLog,
  };
}

/** The record of a U0 that still can be entered. */
export function readU0Record(paths: Paths): U0Record | undefined {
  const text = readIfThere(paths.u0Record);
  if (text === undefined) return undefined;
  try {
    const { pin, cgroupDir } = JSON.parse(text) as Partial<U0Record>;
    if (pin === undefined || !isRunning(pin)) return undefined;
    return { pin, ...(cgroupDir === undefined ? {} : { cgroupDir }) };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** What the keeper said instead of listening, or how its log ends when it said nothing. */
function keeperError(line: string | undefined, paths: Paths): Error {
  if (line?.startsWith('{') === true) {
    const { error } = JSON.parse(line) as HostFailure;
    return new WarrenError(error.code, error.details as never);
  }
  const lines = readIfThere(paths.keeperLog)?.trim().split('\n') ?? [];
  // Node ends a stack trace with lines that say nothing.
  const lastLine =
    lines.findLast((candidate) => /error|cannot/i.test(candidate)) ?? lines.at(-1) ?? '';
  return new WarrenError('program_failed', {
    what: 'start the keeper',
    program: 'warren-keeper',
    outcome: 'ended at once',
    output: lastLine.slice(-300),
  });
}

function readSubidFiles(): string[] {
  return ['/etc/subuid', '/etc/subgid'].map((path) => readIfThere(path) ?? '');
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
