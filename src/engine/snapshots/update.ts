import type { EngineDeps } from '../types.ts';
import { getSnapshot } from './list.ts';

/** Changes when a snapshot expires; undefined is never. */
export function setSnapshotExpiry(
  deps: EngineDeps,
  input: {
    readonly instance: string;
    readonly name: string;
    readonly expiresAtMs: number | undefined;
  },
): void {
  deps.store.transaction(() => {
    const snapshot = getSnapshot(deps, input.instance, input.name);
    deps.store.snapshots.setExpiry(snapshot.id, input.expiresAtMs);
  });
  deps.events.lifecycle({
    action: 'instance-snapshot-updated',
    subject: { kind: 'instance-snapshot', instance: input.instance, name: input.name },
    context: {},
  });
}
