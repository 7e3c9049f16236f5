import { Client } from '../client/client.ts';
import { Transport } from '../client/transport.ts';
import type { DaemonPost } from '../contract/api/server.ts';
import { currentUser, userPaths, type Environment } from './account.ts';
import { keeperRuns } from './home.ts';
import { findUserManager, isStopping } from './systemd.ts';

/**
 * What the service does before its keeper is told to end. Nothing, unless the user's manager goes
 * down as well, with the host or with the user's last session: then machines are shut down in good
 * order and come back with it. Otherwise they outlive the service.
 */
export async function stopForManager(env: Environment): Promise<void> {
  const user = currentUser(env);
  const paths = userPaths(env, user);
  const manager = await findUserManager(env, user);
  if (manager === undefined || !(await isStopping(manager)) || !keeperRuns(paths)) return;
  const transport = new Transport({ socket: paths.socket });
  try {
    const client = new Client({ transport });
    const body: DaemonPost = { action: 'host-shutdown' };
    await client.operate('POST', '/1.0/warren/daemon', body);
  } finally {
    transport.close();
  }
}
