import type { StringMap } from '../../contract/api/instances.ts';
import type { ExecSession } from '../../runtime/types.ts';
import type { EngineDeps } from '../types.ts';

export interface ExecInput {
  readonly name: string;
  readonly command: readonly string[];
  readonly environment: StringMap;
  readonly uid: number;
  /** Undefined: the primary group of `uid` in the machine's /etc/passwd, else 0. */
  readonly gid: number | undefined;
  /** Undefined or empty: the home of `uid`. */
  readonly cwd: string | undefined;
  readonly terminal: { readonly width: number; readonly height: number } | undefined;
}

/**
 * Starts a command in a running machine, with LXD's defaults for PATH, HOME, USER, LANG and the
 * groups the machine's /etc/group gives that user. The caller ends the session (`kill`) when its
 * client goes. Throws `wrong_state` when the machine is stopped or frozen.
 */
export async function execInstance(deps: EngineDeps, input: ExecInput): Promise<ExecSession> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${input.name}`));
}
