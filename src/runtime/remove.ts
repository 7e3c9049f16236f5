import { existsSync, rmSync } from 'node:fs';

import { unstageBinds } from './binds.ts';
import type { CgroupDriver } from './cgroup/driver.ts';
import { killTree } from './cgroup/tree.ts';
import type { OciProgram } from './crun.ts';
import type { Places } from './places.ts';

const deleteTimeoutMs = 30_000;

export interface RemoveContext {
  readonly oci: OciProgram;
  readonly cgroup: CgroupDriver;
  readonly places: Places;
}

/**
 * Removes everything the runtime holds of a machine; whatever of it still runs is killed. Each step
 * stands for itself and finds nothing the second time, so a daemon that died in the middle is
 * followed by one that calls this again.
 */
export async function removeMachine(
  { oci, cgroup, places }: RemoveContext,
  name: string,
): Promise<void> {
  const directory = cgroup.findDirectory(name);
  if (directory !== undefined) killTree(directory);
  if (existsSync(places.stateDir)) {
    try {
      await oci.run(`delete ${name}`, ['delete', '--force', name], deleteTimeoutMs);
    } catch (error) {
      // A state that was only half written must not make a machine undeletable. Its cgroup vouches
      // for the processes; without one only the runtime knows them.
      if (directory === undefined) throw error;
    }
    rmSync(places.stateDir, { recursive: true, force: true });
  }
  await cgroup.remove(name);
  unstageBinds(places.bindsDir);
  rmSync(places.hostDir, { recursive: true, force: true });
  rmSync(places.bundleDir, { recursive: true, force: true });
}
