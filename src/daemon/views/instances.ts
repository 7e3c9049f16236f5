import { mapLimited } from '../../base/limited.ts';
import { nameWithout, ownNameOf, projectOf } from '../../base/names.ts';
import { statusCodes } from '../../contract/api/envelope.ts';
import { listAllBackups, listBackups } from '../../engine/backups/records.ts';
import { expander, expandInstance } from '../../engine/instances/list.ts';
import { formatLastExit, readInstanceState, statusOf } from '../../engine/instances/state.ts';
import { listSnapshots } from '../../engine/snapshots/list.ts';
import { backupView } from './backups.ts';
import { timeOf } from '../../contract/api/times.ts';

import type {
  Instance,
  InstanceFull,
  InstanceSnapshot,
  InstanceState,
} from '../../contract/api/instances.ts';
import type { Expanded } from '../../contract/config/expand.ts';
import type { BackupRecord } from '../../engine/backups/records.ts';
import type { InstanceStateReport } from '../../engine/instances/state.ts';
import type { EngineDeps, InstanceRecord, SnapshotRecord } from '../../engine/types.ts';

/**
 * Each state costs processes and descriptors: a thousand machines must not ask for theirs at once.
 */
const statesAtOnce = 16;

export function instanceView(
  deps: EngineDeps,
  record: InstanceRecord,
  expanded: Expanded = expandInstance(deps, record),
): Instance {
  const status = statusOf(deps, record);
  return {
    name: ownNameOf(record.name),
    description: record.description,
    type: 'container',
    project: projectOf(record.name),
    location: 'none',
    architecture: record.architecture,
    status,
    status_code: statusCodes[status],
    created_at: timeOf(record.createdAtMs),
    last_used_at: timeOf(record.lastUsedAtMs),
    ephemeral: record.ephemeral,
    stateful: false,
    profiles: record.profiles.map(nameWithout),
    config: record.config,
    devices: record.devices,
    expanded_config: expanded.config,
    expanded_devices: expanded.devices,
  };
}

export async function instanceFullView(
  deps: EngineDeps,
  record: InstanceRecord,
): Promise<InstanceFull> {
  const expanded = expandInstance(deps, record);
  const report = await readInstanceState(deps, record, expanded);
  const snapshots = listSnapshots(deps, record.name);
  const views = snapshots.map((snapshot) => snapshotView(deps, snapshot));
  const backups = await listBackups(deps, record.id);
  return fullView(instanceView(deps, record, expanded), report, views, backups);
}

/**
 * The JSON of every machine that `wanted` chooses, with what is known of their disks. Each becomes
 * text at once, so that not everything about a thousand machines is in memory at a time.
 */
export async function instanceFullTexts(
  deps: EngineDeps,
  records: readonly InstanceRecord[],
  wanted: (view: Instance) => boolean,
): Promise<string[]> {
  const expandOne = expander(deps);
  const backups = await listAllBackups(deps);
  const snapshots = new Map<number, SnapshotRecord[]>(records.map(({ id }) => [id, []]));
  for (const snapshot of deps.store.snapshots.listAll()) {
    snapshots.get(snapshot.instanceId)?.push(snapshot);
  }
  // What the filter can be asked of needs no question to the kernel for those it leaves out.
  const chosen = records
    .map((record) => {
      const expanded = expandOne(record);
      return { record, expanded, view: instanceView(deps, record, expanded) };
    })
    .filter(({ view }) => wanted(view));
  return mapLimited(chosen, statesAtOnce, async ({ record, expanded, view }) => {
    const report = await readInstanceState(deps, record, expanded, 'known');
    const own = snapshots.get(record.id) ?? [];
    const views = own.map((snapshot) => snapshotView(deps, snapshot, expandOne(snapshot)));
    return JSON.stringify(fullView(view, report, views, backups.get(record.id) ?? []));
  });
}

function fullView(
  view: Instance,
  report: InstanceStateReport,
  snapshots: readonly InstanceSnapshot[],
  backups: readonly BackupRecord[],
): InstanceFull {
  return {
    ...view,
    status: report.status,
    status_code: statusCodes[report.status],
    state: stateView(report),
    snapshots,
    backups: backups.map(backupView),
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
      limits: report.held,
    },
  };
}

export function snapshotView(
  deps: EngineDeps,
  record: SnapshotRecord,
  expanded: Expanded = expandInstance(deps, record),
): InstanceSnapshot {
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
    profiles: record.profiles.map(nameWithout),
    ephemeral: record.ephemeral,
  };
}

/** What a PUT of an instance replaces, for its ETag. */
export function writablePart(record: InstanceRecord): unknown {
  const { architecture, config, devices, ephemeral, profiles, description } = record;
  return { architecture, config, devices, ephemeral, profiles, description };
}
