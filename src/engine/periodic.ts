import { eachMinute, type Clock } from '../base/minutes.ts';
import { deleteExpiredBackups } from './backups/change.ts';
import { deleteExpiredImages } from './images/expire.ts';
import { updateImages } from './images/auto-update.ts';
import { renewViews } from './instances/views.ts';
import { deleteExpired, takeScheduled } from './snapshots/scheduled.ts';
import { deleteExpiredOfVolumes } from './volumes/snapshots.ts';
import type { EngineDeps, WorkContext } from './types.ts';

/**
 * What the daemon does by the clock: scheduled snapshots, newer images, the end of what has
 * expired, and what machines see of their limits. A minute whose work takes longer does not keep
 * the next one's waiting. Disposing stops it.
 */
export function startPeriodicWork(
  deps: EngineDeps,
  context: WorkContext,
  clock?: Clock,
): Disposable {
  const attempt = async (what: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!context.signal.aborted) deps.log.error({ err: error }, `could not ${what}`);
    }
  };
  return eachMinute((startMs) => {
    void attempt('take scheduled snapshots', () => takeScheduled(deps, startMs, context));
    void attempt('delete expired snapshots', () => deleteExpired(deps, context));
    void attempt('delete expired snapshots of volumes', () =>
      deleteExpiredOfVolumes(deps, context),
    );
    void attempt('bring images up to date', () => updateImages(deps, startMs, context));
    void attempt('delete images that nobody uses', () => deleteExpiredImages(deps, context));
    void attempt('let machines see their limits', () => renewViews(deps));
    void attempt('delete expired backups', () => deleteExpiredBackups(deps, context));
  }, clock);
}
