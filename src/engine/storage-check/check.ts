import { setTimeout as sleep } from 'node:timers/promises';

import type { StorageProblem, StorageReport } from '../../contract/api/storage-check.ts';
import { WarrenError } from '../../contract/errors.ts';
import { removeUnusedLayers } from '../layers.ts';
import type { EngineDeps, WorkContext } from '../types.ts';
import { countStored, findStorageProblems, type Found } from './find.ts';

/** How long what is under way is waited for. */
const quietTimeoutSeconds = 60;
/** Between two looks: what is about to get its row has it by then. */
const settleMs = 300;

export interface StorageCheckInput {
  readonly repair: boolean;
  /** Whether other work of the daemon is under way. */
  readonly isBusy: () => boolean;
}

/**
 * Finds what the database, the directories and the references between them do not agree about, and
 * with `repair` removes what nothing stands on. Throws `timeout` when the daemon has other work all
 * the time.
 */
export async function checkStorage(
  deps: EngineDeps,
  { repair, isBusy }: StorageCheckInput,
  { signal }: WorkContext,
): Promise<StorageReport> {
  const first = await lookWhenQuiet(deps, isBusy, signal);
  let found: Found[] = [];
  if (first.length > 0) {
    await sleep(settleMs, undefined, { signal });
    const before = new Set(first.map(keyOf));
    found = (await lookWhenQuiet(deps, isBusy, signal)).filter((one) => before.has(keyOf(one)));
  }
  const problems: StorageProblem[] = [];
  for (const one of found) {
    signal.throwIfAborted();
    problems.push({ ...one, repaired: repair && (await repairOne(deps, one)) });
  }
  return { counts: countStored(deps), problems };
}

const keyOf = ({ kind, subject, problem }: Found): string => `${kind} ${subject} ${problem}`;

async function lookWhenQuiet(
  deps: EngineDeps,
  isBusy: () => boolean,
  signal: AbortSignal,
): Promise<Found[]> {
  for (let waitedMs = 0; isBusy() || !deps.live.locks.isIdle; waitedMs += 50) {
    if (waitedMs > quietTimeoutSeconds * 1000) {
      throw new WarrenError('timeout', {
        what: 'check the storage: the daemon is at work with machines or images',
        seconds: quietTimeoutSeconds,
        hint: 'warren operation list',
      });
    }
    await sleep(50, undefined, { signal });
  }
  return findStorageProblems(deps);
}

/**
 * Answers whether it could. Directories without a row are never taken up again: their names are not
 * given twice while they exist, so none of them can have got a row since the look.
 */
async function repairOne(deps: EngineDeps, { kind, subject }: Found): Promise<boolean> {
  const { storage, store } = deps;
  try {
    switch (kind) {
      case 'layer-stray':
        await storage.removeLayer(subject);
        break;
      case 'layer-unused':
      case 'layer-missing':
        await removeUnusedLayers(deps);
        if (store.layers.find(subject) !== undefined) return false;
        break;
      case 'unfinished':
        await storage.removeUnfinished(subject);
        break;
      case 'instance-stray':
        await storage.removeUpper(Number(subject));
        break;
      case 'volume-stray':
        await storage.volumes.remove(subject);
        break;
      case 'database':
      case 'snapshot-unfinished':
      case 'instance-missing':
      case 'volume-missing':
      case 'image-missing':
        return false;
    }
  } catch (error) {
    deps.log.warn({ err: error, kind, subject }, 'a problem of the storage could not be mended');
    return false;
  }
  deps.log.info({ kind, subject }, 'a problem of the storage was mended');
  return true;
}
