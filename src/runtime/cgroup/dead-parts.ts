import { closeSync, openSync, readdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';

import { tryLock } from '../../sys/kernel/process.ts';
import { readCgroupWords } from '../../sys/proc/cgroup.ts';
import { removeTree } from './tree.ts';

/** The names that the host side gives to parts: see `host/cgroup.ts`. */
const partName = /^warren(-\d+)?$/;

/**
 * Removes the parts of earlier U0s of this user that were killed whole. Directories of their
 * machines belong to subordinate ids, so the host side cannot; root of U0 can, as long as the
 * host's view of the hierarchy is not covered. `own` is our part as the host sees it. Does nothing
 * while a host side is at work there: a part without processes may just be on its way to have some.
 *
 * Never throws: what cannot be removed is told to `onFailure`, for nothing depends on it.
 */
export async function removeDeadParts(
  own: string,
  onFailure: (error: unknown, directory: string) => void,
): Promise<void> {
  const delegated = dirname(own);
  try {
    const lock = openSync(delegated, 'r');
    try {
      if (!tryLock(lock)) return;
      for (const name of readdirSync(delegated)) {
        if (!partName.test(name) || name === basename(own)) continue;
        const directory = `${delegated}/${name}`;
        try {
          if (isDead(directory)) await removeTree(directory);
        } catch (error) {
          onFailure(error, directory);
        }
      }
    } finally {
      closeSync(lock);
    }
  } catch (error) {
    onFailure(error, delegated);
  }
}

function isDead(directory: string): boolean {
  return readCgroupWords(`${directory}/cgroup.events`).join(' ').includes('populated 0');
}
