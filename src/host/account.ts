import { statSync } from 'node:fs';
import { userInfo } from 'node:os';

import { resolvePaths, type Paths } from '../contract/paths.ts';
import type { Account } from '../userns/grants.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Who warren runs for. */
export interface User extends Account {
  readonly gid: number;
  readonly home: string;
  /** `/run/user/UID` when it is there and the user's. */
  readonly runUserDir: string | undefined;
}

/** This process's user, by its effective ids. */
export function currentUser(env: Environment): User {
  const { username, uid, gid, homedir } = userInfo();
  const runUserDir = `/run/user/${uid}`;
  const isOurs = statSync(runUserDir, { throwIfNoEntry: false })?.uid === uid;
  return {
    name: username,
    uid,
    gid,
    home: env['HOME'] ?? homedir,
    runUserDir: isOurs ? runUserDir : undefined,
  };
}

/** Where everything of the user lies. */
export function userPaths(env: Environment, { home, runUserDir }: User): Paths {
  return resolvePaths({ env, home, runUserDir });
}
