import { readdir, rm, stat } from 'node:fs/promises';

import { eachMinute, type Clock } from '../base/minutes.ts';
import { hasErrno } from '../sys/sys-error.ts';

import type { Paths } from '../contract/paths.ts';

const hourMs = 3_600_000;
/** As LXD keeps them. */
const keptMs = 48 * hourMs;

/** Each hour removes the recorded outputs of commands that are two days old. Disposing stops it. */
export function startRecordExpiry(
  paths: Pick<Paths, 'logDir'>,
  onError: (error: unknown) => void,
  clock?: Clock,
): Disposable {
  return eachMinute((startMs) => {
    if (startMs % hourMs === 0) expireRecords(paths, startMs - keptMs).catch(onError);
  }, clock);
}

async function expireRecords({ logDir }: Pick<Paths, 'logDir'>, beforeMs: number): Promise<void> {
  const all = `${logDir}/exec`;
  for (const machine of await namesIn(all)) {
    for (const name of await namesIn(`${all}/${machine}`)) {
      const path = `${all}/${machine}/${name}`;
      const found = await stat(path).catch((error: unknown) => {
        if (!hasErrno(error, 'ENOENT')) throw error;
      });
      if (found !== undefined && found.mtimeMs < beforeMs) await rm(path, { force: true });
    }
  }
}

/**
 * Empty when there is no such directory: nothing was recorded, or its machine has gone meanwhile.
 */
async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
