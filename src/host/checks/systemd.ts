import { existsSync } from 'node:fs';

import { findUserManager } from '../systemd.ts';
import { ok, warning, type Check } from './check.ts';

/** Whether machines outlive the user's last session. */
export const checkSystemd: Check = async ({ env, user }) => {
  const manager = await findUserManager(env, user);
  if (manager === undefined) {
    return ok('no systemd user manager: warren starts with the first command');
  }
  if (existsSync(`/var/lib/systemd/linger/${user.name}`)) {
    return ok('systemd user manager, lingering');
  }
  return warning(
    'systemd user manager without lingering: machines end with your last session',
    'warren daemon install',
  );
};
