import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createConnection } from 'node:net';

import { refuseRealRoot } from '../client/real-root.ts';
import { WarrenError } from '../contract/errors.ts';
import type { Paths } from '../contract/paths.ts';
import { closeInheritedOnExec, tryLock } from '../sys/kernel/process.ts';
import { currentUser, userPaths, type Environment } from './account.ts';
import { prepareDirectories } from './directories.ts';
import { linkSocket, pathsInUse, reachKeeper } from './home.ts';
import { startKeeper } from './keeper.ts';
import { findUserManager, startService } from './systemd.ts';

const lockTimeoutSeconds = 60;

export interface StartInput {
  readonly env: Environment;
  /** Directory of warren-host.js, warren-keeper.js and warrend.js. */
  readonly binDir: string;
  /** We are the service that the user's systemd manager starts. */
  readonly asService: boolean;
}

/**
 * Makes sure that a keeper runs and listens. Idempotent, and any number may try at once: one
 * starts it and the others wait for that.
 */
export async function start({ env, binDir, asService }: StartInput): Promise<void> {
  refuseRealRoot();
  closeInheritedOnExec();
  const user = currentUser(env);
  const own = userPaths(env, user);
  prepareDirectories(own, user.uid);
  if (await reachKeeper(own)) return;
  const manager = asService ? undefined : await findUserManager(env, user);
  if (manager !== undefined) {
    // The service calls us again with `asService`, and that takes the start lock.
    using _ = await holdServiceLock(own);
    if (!(await reachKeeper(own))) await startService({ manager, env, user, paths: own, binDir });
    return;
  }
  using _ = await holdLock(own.startLock);
  if (await reachKeeper(own)) return;
  const paths = pathsInUse(own);
  await startKeeper({
    user,
    paths,
    env,
    program: `${binDir}/warren-keeper.js`,
    underSystemd: asService,
  });
  linkSocket(own, paths);
  if (asService) await wakeDaemon(paths);
}

/**
 * A keeper starts its daemon for the first client. The service has none at boot, and machines to be
 * started then: it is the client, and says nothing.
 */
async function wakeDaemon({ socket }: Paths): Promise<void> {
  const connection = createConnection(socket);
  await once(connection, 'connect');
  connection.destroy();
}

/** For as long as this process has the user's manager start, stop or replace the service. */
export async function holdServiceLock({ runtimeDir }: Paths): Promise<Disposable> {
  return await holdLock(`${runtimeDir}/service.lock`);
}

async function holdLock(path: string): Promise<Disposable> {
  const fd = openSync(path, 'a', 0o600);
  for (let waitedMs = 0; !tryLock(fd); waitedMs += 20) {
    if (waitedMs > lockTimeoutSeconds * 1000) {
      closeSync(fd);
      throw new WarrenError('timeout', {
        what: 'start the keeper: another process is starting it',
        seconds: lockTimeoutSeconds,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}
