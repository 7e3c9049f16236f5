import type { EngineDeps, SnapshotRecord } from '../types.ts';

/** Oldest first. */
export function listSnapshots(deps: EngineDeps, instance: string): SnapshotRecord[] {
  throw new Error(`not yet ${deps.architecture} ${instance}`);
}

/** Throws `not_found`. */
export function getSnapshot(deps: EngineDeps, instance: string, name: string): SnapshotRecord {
  throw new Error(`not yet ${deps.architecture} ${instance} ${name}`);
}
