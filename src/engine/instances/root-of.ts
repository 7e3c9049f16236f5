import { WarrenError } from '../../contract/errors.ts';
import { findRoot } from '../../runtime/root.ts';
import type { FileRoot } from '../../storage/files/file-root.ts';
import { machineRoot } from '../../storage/files/machine-root.ts';
import { processIdentity } from '../../sys/proc/identity.ts';

/**
 * The files of the running machine whose init has this pid, as it sees them, for who opens sockets
 * among them. Throws `wrong_state` when it has ended.
 */
export function openRootOf(initPid: number): FileRoot {
  const init = processIdentity(initPid);
  const root = init === undefined ? undefined : findRoot(init);
  if (root !== undefined) return machineRoot(root);
  const details = { name: 'the machine', action: 'connect to' };
  throw new WarrenError('wrong_state', { ...details, state: 'stopped', wanted: 'running' });
}
