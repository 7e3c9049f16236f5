import { setTimeout as sleep } from 'node:timers/promises';

import type { EngineDeps, SnapshotRecord, WorkContext } from '../types.ts';

/** What comes right after a snapshot, such as a restore or a copy, is done by then. */
const settleMs = 500;

type Measured = Pick<SnapshotRecord, 'id' | 'name' | 'sizeBytes'>;

/**
 * Has a new snapshot measured that has no size yet. Not waited for: it walks every file, and a
 * guest decides how many there are. One that a death keeps from it is measured by
 * `measureSnapshots`.
 */
export function measureSoon(deps: EngineDeps, snapshot: Measured): void {
  // Once the answer is out: to start a program, the daemon stands still for milliseconds.
  void sleep(settleMs, undefined, { ref: false }).then(() => measure(deps, snapshot));
}

/** Measures all that have no size yet, one after the other. For the time after a start. */
export async function measureSnapshots(deps: EngineDeps, { signal }: WorkContext): Promise<void> {
  for (const snapshot of deps.store.snapshots.listAll()) {
    if (signal.aborted) return;
    await measure(deps, snapshot);
  }
}

/**
 * A number to show: what no guest changes any more is measured, and failing that nothing is lost.
 */
async function measure(deps: EngineDeps, { id, name, sizeBytes }: Measured): Promise<void> {
  if (sizeBytes > 0) return;
  const top = (): string | undefined => deps.store.snapshots.layersOf(id)[0];
  try {
    using _ = await deps.live.measures.hold();
    let layer: string | undefined;
    let bytes: number;
    do {
      layer = top();
      // It has been deleted since.
      if (layer === undefined) return;
      bytes = await deps.storage.layerSize(layer);
      // Or has other layers by now, for other ids.
    } while (layer !== top());
    deps.store.transaction(() => {
      deps.store.snapshots.setSize(id, bytes);
    });
  } catch (error) {
    deps.log.info({ err: error, snapshot: name }, 'the size of a snapshot is not known');
  }
}
