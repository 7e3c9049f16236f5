import { rm, stat } from 'node:fs/promises';

import { eachMinute, type Clock } from '../base/minutes.ts';
import { namesIn } from '../sys/names-in.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { recordsDir, recordsTop } from './routes/instances/records.ts';

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

async function expireRecords(paths: Pick<Paths, 'logDir'>, beforeMs: number): Promise<void> {
  for (const machine of await namesIn(recordsTop(paths))) {
    const directory = recordsDir(paths, machine);
    for (const name of await namesIn(directory)) {
      const path = `${directory}/${name}`;
      const found = await stat(path).catch((error: unknown) => {
        if (!hasErrno(error, 'ENOENT')) throw error;
      });
      if (found !== undefined && found.mtimeMs < beforeMs) await rm(path, { force: true });
    }
  }
}
