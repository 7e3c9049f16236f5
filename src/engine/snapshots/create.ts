import { expiresAt, parseExpiry } from '../../base/expiry.ts';
import { readString } from '../../contract/config/read.ts';
import { WarrenError } from '../../contract/errors.ts';
import { captureInstance } from '../instances/capture.ts';
import { refuseBeyondDisk } from '../instances/disk-use.ts';
import { expandInstance, getInstance } from '../instances/list.ts';
import type { EngineDeps, InstanceRecord, SnapshotRecord, WorkContext } from '../types.ts';
import { measureSoon } from './measure.ts';
import { checkSnapshotName, nextSnapshotName } from './names.ts';

export interface CreateSnapshotInput {
  readonly instance: string;
  /** Undefined: the next free name of `snapshots.pattern`. */
  readonly name: string | undefined;
  /** Undefined: what `snapshots.expiry` says; null: never. */
  readonly expiresAtMs: number | null | undefined;
}

export interface CreatedSnapshot extends SnapshotRecord {
  /** How long the machine was frozen for it, when it ran. */
  readonly frozenMs: number | undefined;
}

/**
 * Snapshots a machine: O(1) when stopped, a frozen copy when it runs. Its size is 0 until it has
 * been measured.
 */
export async function createSnapshot(
  deps: EngineDeps,
  input: CreateSnapshotInput,
  context: WorkContext,
): Promise<CreatedSnapshot> {
  getInstance(deps, input.instance);
  using _ = await deps.live.locks.act(input.instance, 'snapshot');
  return await snapshotLocked(deps, getInstance(deps, input.instance), input, context);
}

/** The same for a caller that holds the machine's lock. */
export async function snapshotLocked(
  deps: EngineDeps,
  record: InstanceRecord,
  input: CreateSnapshotInput,
  { signal }: WorkContext,
): Promise<CreatedSnapshot> {
  const { instance } = input;
  const { config } = expandInstance(deps, record);
  const createdAtMs = deps.now();
  const taken = new Set(deps.store.snapshots.list(record.id).map((other) => other.name));
  const pattern = readString(config, 'snapshots.pattern') ?? 'snap%d';
  const name = input.name ?? nextSnapshotName(pattern, taken, new Date(createdAtMs));
  checkSnapshotName(`snapshot ${instance}`, name);
  if (taken.has(name)) throw new WarrenError('exists', { kind: 'snapshot', name });

  await refuseBeyondDisk(deps, `snapshot ${instance}`, record);

  const expiry = parseExpiry(readString(config, 'snapshots.expiry') ?? '') ?? new Map();
  const expiresAtMs =
    input.expiresAtMs === undefined
      ? expiresAt(new Date(createdAtMs), expiry)?.getTime()
      : (input.expiresAtMs ?? undefined);
  let snapshot: SnapshotRecord | undefined;
  const frozenMs = await captureInstance(deps, record, signal, (layers) => {
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
      sizeBytes: 0,
    });
  });
  if (snapshot === undefined) throw new Error('a snapshot was captured without a row');
  measureSoon(deps, snapshot);
  deps.events.lifecycle({
    action: 'instance-snapshot-created',
    subject: { kind: 'instance-snapshot', instance, name },
    context: {},
  });
  return { ...snapshot, frozenMs };
}
