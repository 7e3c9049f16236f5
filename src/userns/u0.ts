import { WarrenError, isWarrenError } from '../contract/errors.ts';
import { run } from '../sys/programs/run.ts';
import { explainMapping, explainUnshare, readUsernsSettings } from './explain.ts';
import type { Account } from './grants.ts';
import { mapArguments } from './idmap.ts';
import { launch, type Launch, type LaunchOptions } from './launch.ts';
import type { IdMap, IdMapExtent } from './types.ts';

const readyTimeoutMs = 15_000;

export type ProgramOptions = Omit<LaunchOptions, 'entry'>;

export interface CreateOptions extends ProgramOptions {
  readonly map: IdMap;
  readonly account: Account;
  /** Makes the cgroup that we are in at the moment of the call the root of a cgroup namespace. */
  readonly cgroupNamespace: boolean;
}

/**
 * Makes U0: a user and a mount namespace in which `argv` will run as root over the ids of `map`.
 * The program waits until the caller says `go()`; on failure nothing is left behind. Throws
 * `host_lacks` with the command that mends the host.
 */
export async function createU0(options: CreateOptions): Promise<Launch> {
  const { map, account, cgroupNamespace } = options;
  const child = launch({
    ...options,
    entry: [
      'unshare',
      '--user',
      '--mount',
      ...(cgroupNamespace ? ['--cgroup'] : []),
      // What the host mounts later appears in U0; nothing goes the other way.
      '--propagation',
      'slave',
      '--',
    ],
  });
  try {
    if ((await child.nextLine(readyTimeoutMs)) !== 'ready') {
      throw explainUnshare(await readUsernsSettings(), await child.errors());
    }
    await writeMap('newuidmap', child.pid, map.uid, account);
    await writeMap('newgidmap', child.pid, map.gid, account);
    return child;
  } catch (error) {
    child.abandon();
    throw error;
  }
}

export interface JoinOptions extends ProgramOptions {
  /** A process of U0 whose user, mount and, perhaps, cgroup namespace are to be entered. */
  readonly memberPid: number;
  readonly cgroupNamespace: boolean;
}

/**
 * Enters a U0 that outlived its keeper, so that the machines in it stay ours: a second namespace
 * with the same map would have no power over them. Like `createU0`, it waits for `go()`.
 */
export async function joinU0(options: JoinOptions): Promise<Launch> {
  const child = launch({
    ...options,
    entry: [
      'nsenter',
      '--target',
      `${options.memberPid}`,
      '--user',
      '--mount',
      ...(options.cgroupNamespace ? ['--cgroup'] : []),
      // We are its uid 0 already; without this, nsenter would drop our supplementary groups.
      '--preserve-credentials',
      '--',
    ],
  });
  if ((await child.nextLine(readyTimeoutMs)) === 'ready') return child;
  child.abandon();
  throw new WarrenError('program_failed', {
    what: 'enter the user namespace of your machines',
    program: 'nsenter',
    outcome: 'failed',
    output: (await child.errors()).trim(),
  });
}

async function writeMap(
  program: 'newuidmap' | 'newgidmap',
  pid: number,
  map: readonly IdMapExtent[],
  account: Account,
): Promise<void> {
  try {
    await run(program, [`${pid}`, ...mapArguments(map)], {
      what: 'map your subordinate ids',
      timeoutMs: 15_000,
    });
  } catch (error) {
    if (!isWarrenError(error, 'program_failed')) throw error;
    const { output, outcome } = error.details;
    throw explainMapping(program, output, account, outcome !== 'is not installed');
  }
}
