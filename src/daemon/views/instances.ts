import { statusCodes } from '../../contract/api/envelope.ts';
import { expandInstance } from '../../engine/instances/list.ts';
import { formatLastExit, readInstanceState, statusOf } from '../../engine/instances/state.ts';
import { listSnapshots } from '../../engine/snapshots/list.ts';
import { timeOf } from './times.ts';

import type {
  Instance,
  InstanceFull,
  InstanceSnapshot,
  InstanceState,
} from '../../contract/api/instances.ts';
import type { InstanceStateReport } from '../../engine/instances/state.ts';
import type { EngineDeps, InstanceRecord, SnapshotRecord } from '../../engine/types.ts';

export function instanceView(deps: EngineDeps, record: InstanceRecord): Instance {
  const status = statusOf(deps, record);
  const expanded = expandInstance(deps, record);
  return {
    name: record.name,
    description: record.description,
    type: 'container',
    project: 'default',
    location: 'none',
    architecture: record.architecture,
    status,
    status_code: statusCodes[status],
    created_at: timeOf(record.createdAtMs),
    last_used_at: timeOf(record.lastUsedAtMs),
    ephemeral: record.ephemeral,
    stateful: false,
    profiles: record.profiles,
    config: record.config,
    devices: record.devices,
    expanded_config: expanded.config,
    expanded_devices: expanded.devices,
  };
}

export async function instanceFullView(
  deps: EngineDeps,
  record: InstanceRecord,
  disk?: 'measured' | 'known',
): Promise<InstanceFull> {
  const report = await readInstanceState(deps, record, disk);
  return {
    ...instanceView(deps, record),
    status: report.status,
    status_code: statusCodes[report.status],
    state: stateView(report),
    snapshots: listSnapshots(deps, record.name).map((snapshot) => snapshotView(deps, snapshot)),
    backups: [],
  };
}

export function stateView(report: InstanceStateReport): InstanceState {
  const { status, memory } = report;
  const disks = Object.entries(report.disk).map(([name, disk]) => [
    name,
    { usage: disk.usageBytes, total: disk.totalBytes },
  ]);
  const { startedAtMs, bootedAtMs, lastExit } = report;
  return {
    status,
    status_code: statusCodes[status],
    pid: report.pid,
    processes: report.processes,
    cpu: { usage: report.cpuUsageNs },
    memory: {
      usage: memory.usageBytes,
      usage_peak: memory.peakBytes,
      total: memory.totalBytes,
      swap_usage: memory.swapBytes,
      swap_usage_peak: 0,
    },
    disk: Object.fromEntries(disks) as InstanceState['disk'],
    network: report.network,
    warren: {
      boot: report.boot,
      started_at: startedAtMs === undefined ? null : timeOf(startedAtMs),
      booted_at: bootedAtMs === undefined ? null : timeOf(bootedAtMs),
      boot_ms:
        startedAtMs === undefined || bootedAtMs === undefined ? null : bootedAtMs - startedAtMs,
      processes_max: report.processesMax ?? null,
      last_exit: lastExit === undefined ? null : formatLastExit(lastExit),
      ids: report.hostIds,
    },
  };
}

export function snapshotView(deps: EngineDeps, record: SnapshotRecord): InstanceSnapshot {
  const expanded = expandInstance(deps, record);
  return {
    name: record.name,
    created_at: timeOf(record.createdAtMs),
    expires_at: timeOf(record.expiresAtMs),
    last_used_at: timeOf(undefined),
    stateful: false,
    size: record.sizeBytes,
    architecture: deps.architecture,
    config: record.config,
    devices: record.devices,
    expanded_config: expanded.config,
    expanded_devices: expanded.devices,
    profiles: record.profiles,
    ephemeral: record.ephemeral,
  };
}

/** What a PUT of an instance replaces, for its ETag. */
export function writablePart(record: InstanceRecord): unknown {
  const { architecture, config, devices, ephemeral, profiles, description } = record;
  return { architecture, config, devices, ephemeral, profiles, description };
}
