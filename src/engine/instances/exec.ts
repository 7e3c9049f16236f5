import { guestPath } from '../../base/brand.ts';
import { hasControlCharacter } from '../../base/text.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { readPrefix } from '../../contract/config/read.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import type { ExecSession } from '../../runtime/types.ts';
import type { GuestFiles } from '../../storage/types.ts';
import type { EngineDeps } from '../types.ts';
import { lookUpUser } from './accounts.ts';
import { expandInstance, getInstance } from './list.ts';
import { statusOf } from './state.ts';
import { visibleCpus } from './visible-cpus.ts';

export interface ExecInput {
  readonly name: string;
  readonly command: readonly string[];
  readonly environment: StringMap;
  readonly uid: number;
  /** Undefined: the primary group of `uid` in the machine's /etc/passwd, else 0. */
  readonly gid: number | undefined;
  /** Undefined or empty: the home of `uid`, or `/` where that does not exist. */
  readonly cwd: string | undefined;
  readonly terminal: { readonly width: number; readonly height: number } | undefined;
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Starts a command in a running machine, with LXD's defaults for PATH, HOME, USER, LANG and the
 * groups the machine's /etc/group gives that user. The caller ends the session (`kill`) when its
 * client goes. Throws `wrong_state` when the machine is stopped or frozen.
 */
export async function execInstance(deps: EngineDeps, input: ExecInput): Promise<ExecSession> {
  const record = getInstance(deps, input.name);
  const state = statusOf(deps, record);
  if (state !== 'Running' && state !== 'Stopping') {
    throw new WarrenError('wrong_state', {
      name: input.name,
      action: 'run a command in',
      state: state.toLowerCase(),
      wanted: 'running',
      hint: state === 'Frozen' ? `warren unfreeze ${input.name}` : `warren start ${input.name}`,
    });
  }
  check(input);
  using files = deps.storage.openFiles(deps.storage.rootPath(record.id), record.slice);
  const user = await lookUpUser(files, input.uid);
  const { config } = expandInstance(deps, record);
  const isRoot = input.uid === 0;
  const home = isRoot ? '/root' : (user?.home ?? '/');
  const place = (await isThere(files, home)) ? home : '/';
  return await deps.runtime.exec(input.name, {
    command: input.command,
    environment: {
      PATH: defaultPath,
      LANG: 'C.UTF-8',
      HOME: home,
      USER: isRoot ? 'root' : (user?.name ?? `${input.uid}`),
      ...readPrefix(config, 'environment.*'),
      ...input.environment,
    },
    cwd: input.cwd === undefined || input.cwd === '' ? place : input.cwd,
    uid: input.uid,
    gid: input.gid ?? user?.gid ?? 0,
    additionalGids: user?.groups ?? [],
    terminal: input.terminal,
    cpus: visibleCpus(config, record.id, deps.runtime.cpus),
  });
}

/**
 * System accounts often have a home that was never made, and a machine's root may have lost its
 * own.
 */
async function isThere(files: GuestFiles, directory: string): Promise<boolean> {
  try {
    // With the dot a link counts for what it leads to.
    return (await files.stat(guestPath(`${directory}/.`))).type === 'directory';
  } catch (error) {
    if (error instanceof WarrenError) return false;
    throw error;
  }
}

function check(input: ExecInput): void {
  const issues: Issue[] = [];
  if (input.command.length === 0 || input.command[0] === '') {
    issues.push({ path: 'command', problem: 'it is empty, wanted a program and its arguments' });
  }
  if (input.command.some((word) => word.includes('\0'))) {
    issues.push({ path: 'command', problem: 'an argument holds a NUL byte' });
  }
  for (const [key, value] of Object.entries(input.environment)) {
    if (key === '' || key.includes('=') || hasControlCharacter(key) || value.includes('\0')) {
      issues.push({ path: `environment.${JSON.stringify(key)}`, problem: 'it is no variable' });
    }
  }
  for (const [path, id] of [
    ['user', input.uid],
    ['group', input.gid ?? 0],
  ] as const) {
    if (!Number.isInteger(id) || id < 0 || id > 4_294_967_294) {
      issues.push({ path, problem: `${id} is no id` });
    }
  }
  const { cwd = '' } = input;
  if (cwd !== '' && (!cwd.startsWith('/') || cwd.includes('\0'))) {
    issues.push({ path: 'cwd', problem: 'wanted an absolute path' });
  }
  if (issues.length > 0) {
    throw new WarrenError('invalid', { what: `run a command in ${input.name}`, issues });
  }
}
