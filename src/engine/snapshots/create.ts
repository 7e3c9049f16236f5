import { expiresAt, parseExpiry } from '../../base/expiry.ts';
import { readString } from '../../contract/config/read.ts';
import { WarrenError } from '../../contract/errors.ts';
import { captureInstance } from '../instances/capture.ts';
import { expandInstance, getInstance } from '../instances/list.ts';
import type { EngineDeps, SnapshotRecord, WorkContext } from '../types.ts';
import { checkSnapshotName, nextSnapshotName } from './names.ts';

export interface CreateSnapshotInput {
  readonly instance: string;
  /** Undefined: the next free name of `snapshots.pattern`. */
  readonly name: string | undefined;
  /** Undefined: what `snapshots.expiry` says; null: never. */
  readonly expiresAtMs: number | null | undefined;
}

/** Snapshots a machine: O(1) when stopped, a frozen copy when it runs. */
export async function createSnapshot(
  deps: EngineDeps,
  input: CreateSnapshotInput,
  { signal }: WorkContext,
): Promise<SnapshotRecord> {
  const { instance } = input;
  getInstance(deps, instance);
  using _ = await deps.live.locks.act(instance, 'snapshot');
  const record = getInstance(deps, instance);
  const { config } = expandInstance(deps, record);
  const createdAtMs = deps.now();
  const taken = new Set(deps.store.snapshots.list(record.id).map((other) => other.name));
  const pattern = readString(config, 'snapshots.pattern') ?? 'snap%d';
  const name = input.name ?? nextSnapshotName(pattern, taken, new Date(createdAtMs));
  checkSnapshotName(`snapshot ${instance}`, name);
  if (taken.has(name)) throw new WarrenError('exists', { kind: 'snapshot', name });

  const expiry = parseExpiry(readString(config, 'snapshots.expiry') ?? '') ?? new Map();
  const expiresAtMs =
    input.expiresAtMs === undefined
      ? expiresAt(new Date(createdAtMs), expiry)?.getTime()
      : (input.expiresAtMs ?? undefined);
  const { bytes: sizeBytes } = await deps.storage.upperUsage(record.id);
  let snapshot: SnapshotRecord | undefined;
  await captureInstance(deps, record, signal, (layers) => {
    snapshot = deps.store.snapshots.insert({
      instanceId: record.id,
      name,
      description: '',
      createdAtMs,
      expiresAtMs,
      ephemeral: record.ephemeral,
      config: record.config,
      devices: record.devices,
      profiles: record.profiles,
      layers,
      sizeBytes,
    });
  });
  deps.events.lifecycle({
    action: 'instance-snapshot-created',
    subject: { kind: 'instance-snapshot', instance, name },
    context: {},
  });
  if (snapshot === undefined) throw new Error('a snapshot was captured without a row');
  return snapshot;
}
