import { stringify } from 'yaml';

import { nameWithout, ownNameOf } from '../../base/names.ts';
import { noTime, timeOf } from '../../contract/api/times.ts';
import { isWarrenError, WarrenError } from '../../contract/errors.ts';
import { expandInstance } from '../instances/list.ts';
import type { EngineDeps, InstanceRecord, SnapshotRecord } from '../types.ts';
import { parseBackupIndex } from './parse-index.ts';

const pool = 'default';

/**
 * `index.yaml` and `backup.yaml` of a backup, as LXD 5.0 writes and reads them. Files carry guest
 * ids, which LXD calls an empty last map. Throws `unsupported` when nobody could read it again.
 */
export function formatBackupIndex(
  deps: EngineDeps,
  machine: InstanceRecord,
  snapshots: readonly SnapshotRecord[],
): { readonly index: string; readonly backup: string } {
  // A backup is of no project.
  const record = { ...machine, name: ownNameOf(machine.name) };
  const config = {
    container: containerOf(deps, record),
    snapshots: snapshots.map((snapshot) => snapshotOf(record, snapshot)),
    pool: { name: pool, driver: 'dir', description: '', config: {}, status: 'Created' },
    volume: volumeOf(record.name),
    volume_snapshots: snapshots.map(({ name, createdAtMs, expiresAtMs }) => ({
      name,
      description: '',
      content_type: 'filesystem',
      config: {},
      created_at: timeOf(createdAtMs),
      expires_at: timeOf(expiresAtMs),
    })),
  };
  const index = stringify({
    name: record.name,
    backend: 'dir',
    pool,
    snapshots: snapshots.map(({ name }) => name),
    optimized: false,
    optimized_header: false,
    type: 'container',
    config,
  });
  try {
    parseBackupIndex(Buffer.from(index));
  } catch (error) {
    if (!isWarrenError(error, 'invalid')) throw error;
    throw new WarrenError(
      'unsupported',
      {
        what: `export ${record.name}`,
        why: 'the configurations of its snapshots are more than an import reads',
        hint: `warren export ${record.name} --instance-only`,
      },
      { cause: error },
    );
  }
  return { index, backup: stringify(config) };
}

function containerOf(deps: EngineDeps, record: InstanceRecord): object {
  const expanded = expandInstance(deps, record);
  const { name, description, architecture, devices, ephemeral, profiles } = record;
  return {
    name,
    description,
    architecture,
    config: unshifted(record.config),
    devices,
    ephemeral,
    profiles: profiles.map(nameWithout),
    stateful: false,
    created_at: timeOf(record.createdAtMs),
    last_used_at: timeOf(record.lastUsedAtMs),
    expanded_config: expanded.config,
    expanded_devices: {
      root: { type: 'disk', path: '/', pool },
      ...expanded.devices,
    },
    status: 'Stopped',
    status_code: 102,
    location: 'none',
    type: 'container',
    project: 'default',
  };
}

function snapshotOf(record: InstanceRecord, snapshot: SnapshotRecord): object {
  const { name, devices, ephemeral, profiles } = snapshot;
  return {
    name,
    architecture: record.architecture,
    config: unshifted(snapshot.config),
    devices,
    ephemeral,
    profiles: profiles.map(nameWithout),
    stateful: false,
    created_at: timeOf(snapshot.createdAtMs),
    expires_at: timeOf(snapshot.expiresAtMs),
    last_used_at: noTime,
    size: snapshot.sizeBytes,
  };
}

function volumeOf(name: string): object {
  return {
    name,
    type: 'container',
    description: '',
    content_type: 'filesystem',
    location: 'none',
    config: {},
    used_by: [],
    project: 'default',
  };
}

function unshifted(config: InstanceRecord['config']): InstanceRecord['config'] {
  return { ...config, 'volatile.last_state.idmap': '[]' };
}
